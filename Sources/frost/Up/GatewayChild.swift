import ArgumentParser
import BranchManager
import Foundation
import FrostServer
import GatewayContract
import Subprocess
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The gateway as a child process: started, restarted after a crash, and stopped.
///
/// After a `frost up` is killed, its gateway keeps running, as a separate unit would; the next `frost up` ends it.
final class GatewayChild: Sendable {
    struct Settings: Sendable {
        var routeFile: String
        var listenAddress: String?
        var certFile: String?
        var keyFile: String?
        var certDir: String?
        /// Whether `certDir` contains certificates of frost's own CA.
        var hasOwnCertificates = false
        var drainTimeout: String?
    }

    let given: Settings
    let port: Int
    let directory: String
    let account: GatewayAccount?
    private let record: ProcessRecord
    private let running = Mutex<ChildProcess?>(nil)

    /// - Parameters:
    ///   - account: of the gateway; nil for that of this process.
    ///   - directory: for the record of its process.
    init(_ settings: Settings, port: Int, account: GatewayAccount?, directory: String) {
        given = settings
        self.port = port
        self.directory = directory
        self.account = account
        record = ProcessRecord.gateway(in: directory)
    }

    /// The gateway's admin address.
    ///
    /// - Parameter isChild: whether the gateway is run by `frost up`.
    static func adminAddress(isChild: Bool) -> String {
        ProcessInfo.processInfo.environment[GatewayVariable.adminAddress.environmentName].flatMap {
            $0.isEmpty ? nil : $0
        } ?? GatewayPlace.defaultAdmin(isChild: isChild)
    }

    private static let pauseBetweenStarts = Duration.seconds(2)

    /// - Throws: ``BranchError/invalid(_:)`` when the named program is not executable.
    func program() throws(BranchError) -> String {
        if let named = ProcessInfo.processInfo.environment["FROST_GATEWAY_PROGRAM"], !named.isEmpty {
            guard FileManager.default.isExecutableFile(atPath: named) else {
                throw .invalid("FROST_GATEWAY_PROGRAM is \(named), which is not an executable program")
            }
            return named
        }
        // Not by argv[0], which may be relative to the working directory.
        let executable =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/usr/local/bin/frost"
        let own = URL(fileURLWithPath: executable).deletingLastPathComponent()
        let places = [own.appendingPathComponent("postgres-gateway").path, "/usr/local/bin/postgres-gateway"]
        guard let path = places.first(where: FileManager.default.isExecutableFile) else {
            throw .notFound(
                "postgres-gateway not found at \(places.joined(separator: " or ")); install it, set "
                    + "FROST_GATEWAY_PROGRAM, or pass --no-gateway"
            )
        }
        return path
    }

    /// Variables passed besides the gateway's own: only what programs need to run, because others may be secrets.
    private static let inherited: Set<String> = ["PATH", "LANG", "LC_ALL", "TZ"]

    var environment: [String: String] { environment(given) }

    /// - Parameter settings: used instead of its own.
    func environment(_ settings: Settings) -> [String: String] {
        let values: [GatewayVariable: String?] = [
            .enabled: "true", .port: String(port), .routeFile: settings.routeFile,
            .listenAddress: settings.listenAddress, .certFile: settings.certFile, .keyFile: settings.keyFile,
            .certDir: settings.certDir, .drainTimeout: settings.drainTimeout,
            .adminAddress: Self.adminAddress(isChild: true),
        ]
        var variables = ProcessInfo.processInfo.environment.filter {
            $0.key.hasPrefix(GatewayVariable.prefix) || Self.inherited.contains($0.key)
        }
        for (key, value) in values { if let value { variables[key.environmentName] = value } }
        return variables
    }

    static func environment(_ variables: [String: String]) -> Environment {
        .custom(
            Dictionary(uniqueKeysWithValues: variables.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
        )
    }

    /// Runs it until the task is cancelled.
    ///
    /// - Parameters:
    ///   - ready: called each time it has come up.
    ///   - ended: called each time it has ended unexpectedly and is restarted.
    /// - Throws: the gateway's exit code when it cannot use its settings or its port; it has printed the reason.
    func run(
        _ ready: @escaping @Sendable () throws -> Void,
        ended: @escaping @Sendable (ChildProcess.End) throws -> Void
    ) async throws {
        try await account?.check(
            routeFile: given.routeFile,
            environment: Self.environment(environment)
        )
        while !Task.isCancelled {
            let status = try await runOnce(ready)
            if Task.isCancelled { return }
            if case .exited(let code) = status,
                [GatewayExitCode.configuration, GatewayExitCode.portInUse].contains(code)
            {
                throw ExitCode(code)
            }
            try ended(status)
            ErrorOutput.print("the gateway ended (\(status)); restarting it")
            try await Task.sleep(for: Self.pauseBetweenStarts)
        }
    }

    /// Makes a draining gateway end at once, by a second signal.
    func endAtOnce() {
        running.withLock { $0 }?.signal(SIGTERM)
    }

    /// Whether the gateway of a killed `frost up` is still running.
    var isLeftOver: Bool { record.running() != nil }

    /// Ends the gateway of a killed `frost up`, which drains its sessions as configured.
    func endLeftOver() async {
        guard let leftOver = record.running() else { return }
        ErrorOutput.print("ending the gateway of an earlier frost up (process \(leftOver))")
        kill(leftOver, SIGTERM)
        while !Task.isCancelled, record.running() == leftOver { try? await Task.sleep(for: .milliseconds(100)) }
    }

    private func runOnce(_ ready: @escaping @Sendable () throws -> Void) async throws -> ChildProcess.End {
        let answers = try ReadySocket()
        var variables = environment
        variables["NOTIFY_SOCKET"] = answers.name
        // The process number stays the same: setpriv execs its program.
        let command = (account?.command(port: port) ?? []) + [try program(), "run"]
        let child = try ChildProcess.start(command, environment: variables)
        running.withLock { $0 = child }
        record.write(child.pid)
        defer {
            running.withLock { $0 = nil }
            record.remove()
        }
        return try await withTaskCancellationHandler {
            try await Self.follow(child, answers, ready)
        } onCancel: {
            // Once: a second signal would close the sessions that it drains.
            child.signal(SIGTERM)
        }
    }

    /// Returns when the child has ended; ends it when `ready` throws.
    private static func follow(
        _ child: ChildProcess,
        _ answers: ReadySocket,
        _ ready: @escaping @Sendable () throws -> Void
    ) async throws -> ChildProcess.End {
        try await withThrowingTaskGroup(of: ChildProcess.End?.self) { group in
            group.addTask { await child.end() }
            group.addTask {
                if await answers.isReady() { try ready() }
                return nil
            }
            var end = ChildProcess.End.exited(0)
            var fault: (any Error)?
            while let result = await group.nextResult() {
                switch result {
                case .success(let ended?):
                    end = ended
                    // It can no longer report readiness.
                    group.cancelAll()
                case .success(nil): break
                case .failure(let error):
                    fault = error
                    child.signal(SIGTERM)
                }
            }
            if let fault { throw fault }
            return end
        }
    }
}
