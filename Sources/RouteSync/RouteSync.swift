package import BranchManager
import Foundation
package import Logging
import RouteMap

/// Keeps the route map file up to date with the store.
///
/// Merges a burst of changes into one write. Retries a failed write until it or a later one succeeds; callers wait for
/// a bounded time.
package actor RouteSync: RouteListener {
    /// The longest time that a branch's operation waits for its route map.
    package static let timeout = Duration.seconds(5)
    /// Changes within this time are merged into one write.
    private static let batchDelay = Duration.milliseconds(5)
    /// Delay before retrying a failed write, doubled up to the second value.
    private static let retries = (first: Duration.milliseconds(250), last: Duration.milliseconds(500))

    /// The state of the route map.
    package struct Status: Hashable, Sendable {
        package var writes = 0
        package var failures = 0
        /// The error of the last try; nil if it succeeded.
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
    /// Waits for the next expiry of a former hostname.
    private var alarm: (end: Date, task: Task<Void, Never>)?
    package private(set) var status = Status()

    /// Delay before retrying to follow the store and the file.
    private static let interval = Duration.milliseconds(300)

    /// - Parameter path: of the route map file, whose directory exists.
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
        // Callers that wait for this actor meanwhile continue where this task runs.
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

    /// Writes the file if it differs from the store: it was lost, a process was killed before its write, or a former
    /// hostname has expired.
    ///
    /// - Throws: the errors of ``routesChanged()``.
    package func reconcile() async throws(BranchError) {
        let now = clock.now()
        // Expired ones are not routed, even if they cannot be removed.
        do { try store.endAliases(at: now) } catch {
            logger.error("could not remove expired hostnames", metadata: ["error": "\(error)"])
        }
        if try isCurrent() { return }
        try await routesChanged()
    }

    /// Whether the file matches the store.
    ///
    /// - Throws: ``BranchError/store(_:)`` when the store cannot be read.
    package func isCurrent() throws(BranchError) -> Bool {
        let branches = try Self.branches(in: store)
        guard let (routes, stopped) = try? Self.routes(of: branches, at: clock.now()),
            let wanted = try? RouteTable(routes: routes, stopped: stopped)
        else { return false }
        return isInForce(wanted)
    }

    /// Keeps the file up to date with the store, no matter which process changes either, until the task is cancelled.
    /// Removes former hostnames when they expire. Logs errors and retries.
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
                        // The state before, so that the next look sees later changes.
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

    /// Writes the file again at a time, without the former hostnames that expire then.
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
            // The write is retried.
            logger.error(
                "a former hostname has expired, but the route map could not be written",
                metadata: ["error": "\(error)"]
            )
        }
        // Without a write, nobody notices the change.
        if alarm == nil { setAlarm(try? store.aliases(at: clock.now()).first?.endsAt) }
    }

    private struct Seen: Equatable {
        var version: Int
        var file: FileIdentity?
    }

    /// Empties the old route map, because a gateway may still read it.
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
                // Report once for any number of retries.
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

    /// - Returns: the number of routes; nil if the file was up to date, and was not written.
    private func write() async throws -> Int? {
        try await RouteFileLock.with(path) {
            let (routes, stopped) = try Self.routes(of: Self.branches(in: store), at: clock.now())
            let table = try RouteTable(routes: routes, stopped: stopped)
            if isInForce(table) { return nil }
            try RouteMapFile.write(RouteMapFile.encode(routes: routes, stopped: stopped, generatedAt: .now), to: path)
            return table.count
        }
    }

    /// Whether the file matches a table. A map with confirmation is valid only for a time.
    private func isInForce(_ wanted: RouteTable) -> Bool {
        guard let inForce = try? RouteMapFile.load(path: path) else { return false }
        return inForce.confirmation == nil && wanted.isSame(as: inForce)
    }

    /// Empty while the gateway is disabled, no matter which gateway is running.
    private static func branches(in store: BranchStore) throws(BranchError) -> [BranchDetails] {
        try store.isGatewayEnabled() ? store.branches() : []
    }

    /// The two lists of a route map: each branch by its hostname, and by former ones that have not expired.
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
