import ArgumentParser
import BranchManager
import GatewayContract
import Synchronization

/// Keeps the gateway of `frost up` in the configured state: running or not, and on the configured port.
struct GatewayKeeper: Sendable {
    let store: BranchStore
    let settings: GatewayChild.Settings
    /// The account of the gateway; nil for that of this process.
    let account: GatewayAccount?
    let directory: String
    let stop: StopRequest

    /// Delay before an unavailable port is retried.
    private static let pause = Duration.seconds(5)

    private struct Wanted: Equatable {
        var isEnabled: Bool
        var port: Int

        init(_ store: BranchStore) throws(BranchError) {
            isEnabled = try store.isGatewayEnabled()
            port = try store.gatewayPort()
        }
    }

    /// Ends the gateway left by a killed `frost up`.
    func endLeftOver() async { await child(port: 0).endLeftOver() }

    /// The state shared by the tasks that run the gateway.
    private final class PortState: Sendable {
        /// The port that worked last.
        let working = Mutex<Int?>(nil)
        /// Whether the stored fault explains why the gateway returned to that port.
        let isBack = Mutex(false)
    }

    /// Runs until the task is cancelled.
    ///
    /// - Parameters:
    ///   - given: the port to start with instead of the setting; stored once the gateway listens on it.
    ///   - ready: called each time the gateway has come up, with its port.
    /// - Throws: the gateway's exit code, when it cannot use its settings or its port at the start.
    func run(port given: Int?, ready: @escaping @Sendable (Int) throws -> Void) async throws {
        await endLeftOver()
        try store.setGatewayFault(nil)
        let portState = PortState()
        var isStart = true
        while !Task.isCancelled {
            let set = try Wanted(store)
            guard set.isEnabled else {
                ErrorOutput.print(
                    "the gateway is disabled; to run it: \(store.hint.command("settings --gateway-enabled true"))"
                )
                try store.setGatewayFault(nil)
                if isStart, let given { try store.setGatewayPort(given) }
                isStart = false
                try await waitForChange(of: set, running: nil)
                continue
            }
            let port = isStart ? given ?? set.port : set.port
            let (child, isFirst) = (child(port: port), isStart)
            stop.onFurther { child.endAtOnce() }
            let outcome = await Race.run([
                {
                    try await child.run {
                        if isFirst, port == given { try store.setGatewayPort(port) }
                        if !portState.isBack.withLock({ $0 }) { try store.setGatewayFault(nil) }
                        portState.working.withLock { $0 = port }
                        try ready(port)
                    } ended: { status in
                        portState.isBack.withLock { $0 = false }
                        try store.setGatewayFault("The gateway ended (\(status)); frost restarts it.")
                    }
                },
                { try await waitForChange(of: set, running: port) },
            ])
            let working = portState.working.withLock { $0 }
            portState.isBack.withLock { $0 = false }
            if case .failure(let code as ExitCode) = outcome, !isStart || working != nil {
                let isBack = try await fall(back: working, from: port, code)
                portState.isBack.withLock { $0 = isBack }
            } else {
                try outcome.get()
            }
            isStart = false
        }
    }

    /// Returns to the port that worked, also for the next start; if there is none, or it is in use now, retries the
    /// same port after a delay.
    ///
    /// - Returns: whether it returns to that port.
    private func fall(back working: Int?, from port: Int, _ code: ExitCode) async throws -> Bool {
        let reason =
            code.rawValue == GatewayExitCode.portInUse
            ? "another program uses it" : "it exited with \(code.rawValue); see its log"
        let fault = "The gateway cannot run on port \(port): \(reason)."
        if let working, working != port {
            ErrorOutput.print("\(fault) Returning to port \(working).")
            // In this order: a change of settings clears the previous fault.
            try store.setGatewayPort(working)
            try store.setGatewayFault("\(fault) It returned to port \(working).")
            return true
        }
        if try store.gatewayFault() == nil { ErrorOutput.print("\(fault) Retrying.") }
        try store.setGatewayFault("\(fault) Frost retries every \(Self.pause.components.seconds) s.")
        try await Task.sleep(for: Self.pause)
        return false
    }

    /// Returns when the settings no longer match the running gateway.
    private func waitForChange(of known: Wanted, running port: Int?) async throws {
        var known = known
        for await _ in store.changes() {
            let now = try Wanted(store)
            if now != known, now.isEnabled != (port != nil) || (port != nil && now.port != port) { return }
            known = now
        }
        throw CancellationError()
    }

    private func child(port: Int) -> GatewayChild {
        GatewayChild(settings, port: port, account: account, directory: directory)
    }
}
