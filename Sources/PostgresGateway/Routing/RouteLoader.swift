import Foundation
import GatewayCore
import GatewayHardening
import Logging
import RouteMap

/// Takes up the route map file.
package final class RouteLoader: Sendable {
    private let path: String
    private let routes: RouteStore
    private let clock: GatewayClock
    private let outcomes: LabelledCounter<ReloadOutcome>
    private let logger: Logger
    /// Tells the sessions; gives how many lose their route.
    private let tellSessions: @Sendable (RouteTable) -> Int

    init(
        path: String,
        routes: RouteStore,
        clock: GatewayClock,
        outcomes: LabelledCounter<ReloadOutcome>,
        logger: Logger,
        tellSessions: @escaping @Sendable (RouteTable) -> Int
    ) {
        self.path = path
        self.routes = routes
        self.clock = clock
        self.outcomes = outcomes
        self.logger = logger
        self.tellSessions = tellSessions
    }

    /// Most conflicts that are logged of one route map, each on a line of its own.
    private static let loggedConflicts = 20

    /// Reads the route map and puts it in force for all hostnames at once. Sessions whose target is no
    /// longer active at the same place are told. A file with a fault leaves the last good map in
    /// force; one that says what the map in force says only confirms it. Blocking, never on an event
    /// loop, and not from two threads at a time.
    ///
    /// - Parameter isForced: reads it whether it has changed or not.
    package func reload(isForced: Bool) {
        readRoutes(isForced: isForced)
        reportConfirmation()
    }

    private func readRoutes(isForced: Bool) {
        // Taken before the file is read: what is written meanwhile is seen as a change.
        let file = FileFingerprint(path: path)
        guard isForced || routes.isNews(file) else { return }
        do throws(RouteMapError) {
            install(try RouteMapFile.load(path: path), from: file)
        } catch {
            // What could not be read is tried again at the next look, and told once.
            let isNews = isForced || routes.fault != error
            routes.keepCurrent(becauseOf: error, in: error.isReadFailure ? nil : file)
            guard isNews else { return }
            outcomes.count(.failed)
            let inForce = routes.current.count
            logger.error(
                routes.loadedAt == nil
                    ? "route map not loaded; every hostname is refused until it is"
                    : "route map not loaded; the one in force stays",
                metadata: .init([.error: "\(error)", .routes: String(inForce)])
            )
        }
    }

    private func install(_ table: RouteTable, from file: FileFingerprint) {
        let old = routes.current
        // The first map, and the first good one after a fault, are news whatever they say.
        if routes.loadedAt != nil, routes.fault == nil, table.isSame(as: old) {
            routes.confirm(by: table, from: file, at: clock.now)
            logger.debug("route map unchanged", metadata: .init([.routes: String(table.count)]))
            return
        }
        let changes = table.changes(since: old)
        routes.replace(with: table, from: file, at: clock.now)
        // A session that is being dialled meanwhile looks at the table again once it is entered.
        let closed = tellSessions(table)
        outcomes.count(.loaded)
        logger.info(
            "route map loaded",
            metadata: .init([
                .routes: String(table.count), .added: String(changes.added), .removed: String(changes.removed),
                .changed: String(changes.changed), .closed: String(closed),
            ])
        )
        report(table.conflicts, knownFrom: old.conflicts)
    }

    /// Logs the conflicts that are new, by the hostnames of their branches.
    private func report(_ conflicts: [AddressConflict], knownFrom old: [AddressConflict]) {
        let known = Set(old)
        let new = conflicts.filter { !known.contains($0) }
        for conflict in new.prefix(Self.loggedConflicts) {
            logger.error(
                "routes of different branches have one address; none of them is dialled",
                metadata: .init([.address: conflict.address, .hostnames: conflict.hostnames])
            )
        }
        guard new.count > Self.loggedConflicts else { return }
        logger.error(
            "routes of different branches have one address, at more addresses than are logged",
            metadata: .init([.suppressed: String(new.count - Self.loggedConflicts)])
        )
    }

    /// Logs that the route map has run out or is confirmed again, once each.
    private func reportConfirmation() {
        switch routes.confirmationChange(at: clock.now) {
        case .expired(let period):
            logger.error(
                "route map no longer confirmed; new connections are refused until it is",
                metadata: .init([.error: "confirmed until \(period.end.formatted(.iso8601))"])
            )
        case .confirmedAgain:
            logger.info("route map confirmed again", metadata: .init([.routes: String(routes.current.count)]))
        case nil:
            break
        }
    }
}

extension AddressConflict {
    /// As logs and `/readyz` show it.
    var address: String { host.contains(":") ? "[\(host)]:\(hostPort)" : "\(host):\(hostPort)" }

    /// Most hostnames that are shown.
    private static let shownHostnames = 5

    var hostnames: String {
        let shown = routes.prefix(Self.shownHostnames).map(\.hostname.name).joined(separator: ", ")
        return routes.count > Self.shownHostnames ? "\(shown), and \(routes.count - Self.shownHostnames) more" : shown
    }
}
