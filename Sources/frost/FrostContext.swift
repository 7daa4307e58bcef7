import BranchManager
import Foundation
import Logging
import RouteMap
import RouteSync

/// A store that is open, and all that works on it.
struct FrostContext: Sendable {
    /// Of a new data directory: servers run as another user, who has to get through it, and the gateway, another
    /// one still, watches the directory for a new route map. What is secret in it has a mode of its own.
    static let directoryMode = 0o755

    let options: FrostOptions
    let directory: String
    let store: BranchStore
    let manager: BranchManager
    let routes: RouteSync
    let routeFile: String
    let progress: Progress
    /// What was found half done that could not be made good.
    let faults: Int

    /// The store alone, for commands that only look.
    static func store(_ options: FrostOptions) throws -> BranchStore {
        try BranchStore.open(in: options.dataDirectory, making: false, hint: options.hint, accessed: accessed)
    }

    /// In debug builds, ends a process that uses the store on a thread that others wait for.
    private static var accessed: (@Sendable () -> Void)? {
        #if DEBUG
        { assert(BlockingWork.executor.isCurrent, "the store is used on a thread that is not for it") }
        #else
        nil
        #endif
    }

    /// Opens the store and deals with what a crash has left.
    ///
    /// - Parameters:
    ///   - checksServers: whether servers that should run are looked for, and started.
    ///   - retries: what is tried that recovery could not make good before.
    ///   - stop: of a `frost up`; nil for a command, which cancels what it copies when a signal comes, and finishes what
    ///     else it began.
    ///   - movesRouteFile: whether ``moveRouteFile(to:)`` follows; the one that is set is used until then.
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
        // Before anything is made there: it may be the directory of somebody else.
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
            // A host of containers needs no PostgreSQL of its own.
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
        // One killed before it had written leaves a map that differs; what is wrong with it has been told.
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

    /// Where a branch's server runs, for a command that only looks.
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

    /// Asks the server of a branch about its password, for a command that only looks at the store; a container is
    /// looked at by `frost up`.
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

    /// Waits for a server that recovers, for as long as it does, and says what PostgreSQL says of it.
    ///
    /// - Throws: ``BranchError/runtime(_:)`` when it does not come up, ``BranchError/busy(_:)`` when it recovers still
    ///   and the wait was interrupted.
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
        // A gateway reads the one that is set, and would not hear of what happens to branches.
        guard try store.routeFile() == nil, try store.branches().isEmpty else {
            throw BranchError.invalid(
                "the route map of \(directory) is \(current), not \(wanted); change it with: "
                    + "\(next: moving.command("settings"))"
            )
        }
        try store.setRouteFile(wanted)
        return wanted
    }

    /// Moves the route map: the new one is there before it is set, and the old one leads nowhere after that.
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

/// Ends the process at a step of an operation, as a crash would. For the tests of crashes, in debug builds only.
enum CrashPoint {
    static func didComplete(_ action: BranchAction, _ step: OperationStep) {
        #if DEBUG
        if ProcessInfo.processInfo.environment["FROST_CRASH_AT"] == "\(action.rawValue).\(step.rawValue)" {
            kill(getpid(), SIGKILL)
        }
        #endif
    }
}
