import BranchManager
import Foundation
import Logging
import RouteMap
import RouteSync

/// An open store, and everything that works on it.
struct FrostContext: Sendable {
    /// Mode of a new data directory: servers run as another user, who must be able to enter it, and the gateway, as yet
    /// another, watches it for a new route map. Secret files in it have their own modes.
    static let directoryMode = 0o755

    let options: FrostOptions
    let directory: String
    let store: BranchStore
    let manager: BranchManager
    let routes: RouteSync
    let routeFile: String
    let progress: Progress
    /// Failures of recovery.
    let faults: Int

    /// The store alone, for read-only commands.
    static func store(_ options: FrostOptions) throws -> BranchStore {
        try BranchStore.open(in: options.dataDirectory, making: false, hint: options.hint, accessed: accessed)
    }

    /// In debug builds, ends a process that uses the store on a thread that must not block.
    private static var accessed: (@Sendable () -> Void)? {
        #if DEBUG
        { assert(BlockingWork.executor.isCurrent, "the store is used on a thread that is not for it") }
        #else
        nil
        #endif
    }

    /// Opens the store and recovers from a crash.
    ///
    /// - Parameters:
    ///   - checksServers: whether to check servers that should run, and start them.
    ///   - retries: which failed recoveries to retry.
    ///   - stop: of a `frost up`; nil for a command, which cancels copies on a signal, and finishes other operations.
    ///   - movesRouteFile: whether ``moveRouteFile(to:)`` follows; until then the stored path is used.
    static func open(
        _ options: FrostOptions,
        directory: String? = nil,
        checksServers: Bool = false,
        retrying retries: BranchManager.Retries = .due,
        stop: StopRequest? = nil,
        movesRouteFile: Bool = false
    ) async throws -> FrostContext {
        let directory = URL(fileURLWithPath: directory ?? options.dataDirectory).standardizedFileURL.path
        let hostPorts = try options.hostPortRange()
        // Before anything is created there: it may not be frost's directory.
        try BranchStore.checkFile(in: directory)
        do {
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: Self.directoryMode]
            )
        } catch {
            throw BranchError.store(
                "could not create the data directory \(directory): \(error.localizedDescription); choose another with --data-dir"
            )
        }
        let (isCommand, stop) =
            if let stop { (false, stop) } else { (true, await StopRequest.finishWhatWasBegun(options.hint)) }
        let progress = Progress()
        let store = try BranchStore.open(in: directory, hint: options.hint, accessed: accessed)
        if checksServers { try store.checkIntegrity() }
        store.keepReserve()
        let routeFile = try routeFile(options, store, directory, isMoved: movesRouteFile)
        let routes = RouteSync(
            store: store,
            path: routeFile,
            logger: Logger(label: "routes") { _ in ErrorLogHandler() }
        )
        var runtimes: [RuntimeKind: any BranchRuntime] = [
            .docker: try dockerRuntime(options, store, directory)
        ]
        var unavailable: [RuntimeKind: BranchError] = [:]
        do throws(BranchError) {
            runtimes[.local] = try await localRuntime(options, directory)
        } catch {
            // With containers only, the host needs no PostgreSQL.
            unavailable[.local] = error
        }
        let manager = try BranchManager(
            store: store,
            runtimes: runtimes,
            unavailable: unavailable,
            routes: routes,
            directory: directory,
            hostPorts: hostPorts,
            didComplete: { action, step in
                progress.didComplete(action, step)
                CrashPoint.didComplete(action, step)
            },
            copied: { progress.copied($0) },
            isStopping: { stop.isMade },
            isCancelling: { isCommand && stop.isMade }
        )
        let recovered = try await manager.recover(checkingServers: checksServers, retrying: retries)
        for recovery in recovered { ErrorOutput.print(recovery.message) }
        // A process killed before the write leaves an outdated map; problems with it have been reported.
        try? await routes.reconcile()
        return FrostContext(
            options: options,
            directory: directory,
            store: store,
            manager: manager,
            routes: routes,
            routeFile: routeFile,
            progress: progress,
            faults: recovered.count(where: \.isFault)
        )
    }

    private static func dockerRuntime(_ options: FrostOptions, _ store: BranchStore, _ directory: String)
        throws(BranchError) -> DockerRuntime
    {
        let image = options.postgresImage
        return try DockerRuntime(
            directory: BranchData.place(of: .docker, in: directory),
            image: { () throws(BranchError) in
                if let image { return image }
                return try store.postgresImage() ?? DockerRuntime.defaultImage
            },
            socket: options.dockerSocket,
            network: options.dockerNetwork ?? DockerRuntime.defaultNetwork,
            limits: { () throws(BranchError) in try store.containerLimits() },
            hint: options.hint
        )
    }

    /// A branch's runtime, for read-only commands.
    static func runtime(
        of branch: BranchDetails,
        _ options: FrostOptions,
        _ store: BranchStore
    ) async throws(BranchError) -> any BranchRuntime {
        let directory = URL(fileURLWithPath: options.dataDirectory).standardizedFileURL.path
        switch branch.target.runtime {
        case .local: return try await localRuntime(options, directory)
        case .docker: return try dockerRuntime(options, store, directory)
        }
    }

    private static func localRuntime(_ options: FrostOptions, _ directory: String) async throws(BranchError)
        -> LocalRuntime
    {
        try LocalRuntime(
            directory: BranchData.place(of: .local, in: directory),
            installations: await PostgresInstallations.find(options.postgresPrograms)
        )
    }

    /// Checks the password of a branch's server, for a command that only reads the store; `frost up` checks
    /// containers.
    static func checkPassword(
        _ branch: BranchDetails,
        _ options: FrostOptions,
        _ store: BranchStore
    ) async throws(BranchError) -> PasswordState {
        guard branch.target.runtime == .local else { return branch.target.passwordState }
        let directory = URL(fileURLWithPath: options.dataDirectory).standardizedFileURL.path
        let runtime = try await localRuntime(options, directory)
        return try await BranchManager.checkPassword(branch, on: runtime, in: store)
    }

    /// Waits for a recovering server, however long that takes, and prints PostgreSQL's progress.
    ///
    /// - Throws: ``BranchError/runtime(_:)`` when it does not come up, ``BranchError/busy(_:)`` when the wait was
    ///   interrupted before it recovered.
    func finishRecovery(_ branch: BranchDetails) async throws(BranchError) -> BranchDetails {
        guard branch.target.lifecycleStatus == .recovering else { return branch }
        let name = branch.displayName
        ErrorOutput.print(
            "\(name) is recovering. Ctrl-C ends the wait; to stop the server: \(options.command("branch stop \(name)"))"
        )
        let after = try await manager.waitForRecovery(branch) { ErrorOutput.print("\(name): \($0)") }
        guard after.target.lifecycleStatus != .recovering else {
            throw .busy(
                "\(name) is still recovering; to wait for it again: \(next: options.command("branch start \(name)"))"
            )
        }
        guard after.target.lifecycleStatus == .active else {
            throw .runtime(
                "\(name) is \(after.target.lifecycleStatus.rawValue): \(after.target.reason ?? "stopped meanwhile")"
            )
        }
        return after
    }

    /// The route map that all commands on a store agree on.
    private static func routeFile(
        _ options: FrostOptions,
        _ store: BranchStore,
        _ directory: String,
        isMoved: Bool
    ) throws -> String {
        let current = try store.routeFile() ?? "\(directory)/routes.json"
        guard let wanted = options.wantedRouteFile, !isMoved, wanted != current else { return current }
        var moving = options
        moving.routeFile = wanted
        // The gateway reads the stored path, and would miss changes to branches.
        guard try store.routeFile() == nil, try store.branches().isEmpty else {
            throw BranchError.invalid(
                "the route map of \(directory) is \(current), not \(wanted); change it with: "
                    + "\(next: moving.command("settings"))"
            )
        }
        try store.setRouteFile(wanted)
        return wanted
    }

    /// Moves the route map: writes the new one before storing its path, then empties the old one.
    func moveRouteFile(to path: String) async throws {
        let record = ProcessRecord.gateway(in: directory)
        if let gateway = record.running() {
            throw BranchError.busy(
                "a gateway left by a killed frost up (process \(gateway)) still reads \(routeFile); end it first: kill \(gateway)"
            )
        }
        let moved = RouteSync(store: store, path: path, logger: Logger(label: "routes") { _ in ErrorLogHandler() })
        try await moved.routesChanged()
        try store.setRouteFile(path)
        try await RouteSync.retire(routeFile)
    }
}

/// Ends the process at a step of an operation like a crash. For tests, in debug builds only.
enum CrashPoint {
    static func didComplete(_ action: BranchAction, _ step: OperationStep) {
        #if DEBUG
        if ProcessInfo.processInfo.environment["FROST_CRASH_AT"] == "\(action.rawValue).\(step.rawValue)" {
            kill(getpid(), SIGKILL)
        }
        #endif
    }
}
