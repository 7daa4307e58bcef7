package import BranchManager
import Foundation
package import Logging
import RouteMap

/// Keeps the route map file as the store says.
///
/// A burst of changes is folded into one write. A write that fails is tried again until it succeeds
/// or a later one does; callers wait for a bounded time.
package actor RouteSync: RouteListener {
    /// How long a branch's operation waits for its route map, at the most.
    package static let timeout = Duration.seconds(5)
    /// Changes within this time make one write.
    private static let batchDelay = Duration.milliseconds(5)
    /// Between two tries of a write that fails; doubled up to the second.
    private static let retries = (first: Duration.milliseconds(250), last: Duration.milliseconds(500))

    /// How the route map stands.
    package struct Status: Hashable, Sendable {
        package var writes = 0
        package var failures = 0
        /// What is wrong with the last try; nil when it succeeded.
        package var fault: String?
    }

    private let store: BranchStore
    private let path: String
    private let logger: Logger
    private let clock: WallClock
    private var requested = 0
    private var written = 0
    private var isWriting = false
    private var waiting: [Int: (change: Int, continuation: CheckedContinuation<Bool, Never>)] = [:]
    private var lastWaiter = 0
    /// For the next end of a former hostname.
    private var alarm: (end: Date, task: Task<Void, Never>)?
    package private(set) var status = Status()

    /// Between two tries to follow the store and the file, while that fails.
    private static let interval = Duration.milliseconds(300)

    /// - Parameter path: of the route map file; its directory is there.
    package init(store: BranchStore, path: String, logger: Logger, clock: WallClock = .system) {
        self.store = store
        self.clock = clock
        self.path = path
        self.logger = logger
    }

    package func routesChanged() async throws(BranchError) {
        requested += 1
        let change = requested
        if !isWriting {
            isWriting = true
            Task(executorPreference: BlockingWork.executor) { await self.writeAll() }
        }
        lastWaiter += 1
        let waiter = lastWaiter
        // Whoever waits for this actor meanwhile goes on where this task runs.
        let timeout = Task(executorPreference: BlockingWork.executor) {
            try await Task.sleep(for: Self.timeout)
            await self.resume(waiter, isWritten: false)
        }
        let isWritten = await withCheckedContinuation { waiting[waiter] = (change, $0) }
        timeout.cancel()
        guard isWritten else {
            throw .store("could not write the route map: \(status.fault ?? "no response"); fix this and retry")
        }
    }

    private func resume(_ waiter: Int, isWritten: Bool) {
        waiting.removeValue(forKey: waiter)?.continuation.resume(returning: isWritten)
    }

    /// Writes the file if it does not say what the store says: it was lost, a process was killed before it
    /// had written, or the time of a former hostname is over.
    ///
    /// - Throws: as ``routesChanged()``.
    package func reconcile() async throws(BranchError) {
        let now = clock.now()
        // Those whose time is over are not routed, whether they can be forgotten or not.
        do { try store.endAliases(at: now) } catch {
            logger.error("could not remove expired hostnames", metadata: ["error": "\(error)"])
        }
        if try isCurrent() { return }
        try await routesChanged()
    }

    /// Whether the file says what the store says.
    ///
    /// - Throws: ``BranchError/store(_:)`` when the store cannot be read.
    package func isCurrent() throws(BranchError) -> Bool {
        let branches = try Self.branches(in: store)
        guard let (routes, stopped) = try? Self.routes(of: branches, at: clock.now()),
            let wanted = try? RouteTable(routes: routes, stopped: stopped)
        else { return false }
        return isInForce(wanted)
    }

    /// Keeps the file as the store says, whichever process changes either, until the task is cancelled; former
    /// hostnames go when their time is over. Faults are logged, and tried again.
    package func follow() async {
        defer { setAlarm(nil) }
        var seen: Seen?
        var told: BranchError?
        for await _ in store.changes(besides: path) {
            repeat {
                do throws(BranchError) {
                    let now = Seen(version: try store.version(), file: FileIdentity(path))
                    if now != seen {
                        try await reconcile()
                        // As it was before: what has changed meanwhile is seen by the next look.
                        seen = now
                        setAlarm(try store.aliases(at: clock.now()).first?.endsAt)
                    }
                    told = nil
                } catch {
                    seen = nil
                    if told != error {
                        logger.error("could not follow changes; retrying", metadata: ["error": "\(error)"])
                    }
                    told = error
                    try? await Task.sleep(for: Self.interval)
                }
            } while told != nil && !Task.isCancelled
        }
    }

    /// Writes the file anew at a time, without the former hostnames that end then.
    private func setAlarm(_ end: Date?) {
        guard end != alarm?.end else { return }
        alarm?.task.cancel()
        alarm = nil
        guard let end else { return }
        let clock = clock
        let task = Task(executorPreference: BlockingWork.executor) {
            while clock.now() < end {
                guard (try? await clock.wait(end)) != nil else { return }
            }
            await self.ring(at: end)
        }
        alarm = (end, task)
    }

    private func ring(at end: Date) async {
        guard alarm?.end == end else { return }
        alarm = nil
        do throws(BranchError) {
            try await reconcile()
        } catch {
            // The write goes on being tried.
            logger.error(
                "a former hostname has expired, but the route map could not be written",
                metadata: ["error": "\(error)"]
            )
        }
        // Where nothing was written, nobody sees a change.
        if alarm == nil { setAlarm(try? store.aliases(at: clock.now()).first?.endsAt) }
    }

    private struct Seen: Equatable {
        var version: Int
        var file: FileIdentity?
    }

    /// Leaves a route map behind that leads nowhere, where a gateway may still read the old place.
    package static func retire(_ path: String) async throws(BranchError) {
        do {
            _ = try await RouteFileLock.with(path) {
                try RouteMapFile.write(RouteMapFile.encode(routes: [], stopped: [], generatedAt: .now), to: path)
            }
        } catch {
            throw .store("could not empty the old route map \(path): \(error)")
        }
    }

    private func writeAll() async {
        var pause = Self.retries.first
        while written < requested {
            try? await Task.sleep(for: Self.batchDelay)
            let change = requested
            do {
                if let count = try await write() {
                    status.writes += 1
                    logger.debug("route map written", metadata: ["routes": "\(count)"])
                }
                written = change
                pause = Self.retries.first
                status.fault = nil
                for (waiter, entry) in waiting where entry.change <= change { resume(waiter, isWritten: true) }
            } catch {
                status.failures += 1
                // Told once, however often it is tried.
                if status.fault != "\(error)" {
                    logger.error("could not write route map; retrying", metadata: ["error": "\(error)"])
                }
                status.fault = "\(error)"
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, Self.retries.last)
            }
        }
        isWriting = false
    }

    /// - Returns: how many routes there are; nil when the file said so already, and nothing is written.
    private func write() async throws -> Int? {
        try await RouteFileLock.with(path) {
            let (routes, stopped) = try Self.routes(of: Self.branches(in: store), at: clock.now())
            let table = try RouteTable(routes: routes, stopped: stopped)
            if isInForce(table) { return nil }
            try RouteMapFile.write(RouteMapFile.encode(routes: routes, stopped: stopped, generatedAt: .now), to: path)
            return table.count
        }
    }

    /// Whether the file says what a table says. One that has to be confirmed says so only for a time.
    private func isInForce(_ wanted: RouteTable) -> Bool {
        guard let inForce = try? RouteMapFile.load(path: path) else { return false }
        return inForce.confirmation == nil && wanted.isSame(as: inForce)
    }

    /// None is led to while the gateway is disabled, whichever gateway it is that runs.
    private static func branches(in store: BranchStore) throws(BranchError) -> [BranchDetails] {
        try store.isGatewayEnabled() ? store.branches() : []
    }

    /// The two lists of a route map: each branch by its hostname, and by the former ones whose time is not over.
    static func routes(
        of branches: [BranchDetails],
        at now: Date
    ) throws -> (active: [Route], stopped: [StoppedRoute]) {
        var active: [Route] = []
        var stopped: [StoppedRoute] = []
        for branch in branches {
            guard let port = UInt16(exactly: branch.target.hostPort) else { continue }
            let names =
                [branch.target.hostname].compactMap { $0 } + branch.aliases.filter { $0.endsAt > now }.map(\.hostname)
            let hostnames = try names.map { try Hostname($0) }
            let target = Target(
                id: branch.target.id,
                name: branch.target.name,
                database: branch.database.name,
                project: branch.project.name
            )
            switch branch.target.lifecycleStatus.routing {
            case .active: active += hostnames.map { Route(hostname: $0, hostPort: port, target: target) }
            case .stopped: stopped += hostnames.map { StoppedRoute(hostname: $0, target: target) }
            case .absent: break
            }
        }
        return (active, stopped)
    }
}
