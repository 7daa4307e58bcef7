import Foundation
import GatewayContract
import GatewayCore
import GatewayHardening
import Logging
import RouteMap

/// Loads the route map file.
package final class RouteLoader: Sendable {
    private let path: String
    private let routes: RouteStore
    private let clock: GatewayClock
    private let metrics: MetricsRegistry
    private let logger: Logger
    /// Notifies the sessions; returns how many lose their route.
    private let notifySessions: @Sendable (RouteTable) -> Int

    init(
        path: String,
        routes: RouteStore,
        clock: GatewayClock,
        metrics: MetricsRegistry,
        logger: Logger,
        notifySessions: @escaping @Sendable (RouteTable) -> Int
    ) {
        self.path = path
        self.routes = routes
        self.clock = clock
        self.metrics = metrics
        self.logger = logger
        self.notifySessions = notifySessions
    }

    /// Most conflicts that are logged of one route map, each on a line of its own.
    private static let loggedConflicts = 20

    /// Loads the route map for all hostnames at once. Notifies sessions whose target is no longer active at
    /// the same address. An invalid file is ignored; the previous map stays in effect. A file with the same
    /// routes only confirms them. Blocking, never on an event
    /// loop, and not from two threads at a time.
    ///
    /// - Parameter isForced: read it even if it has not changed.
    package func reload(isForced: Bool) {
        readRoutes(isForced: isForced)
        reportConfirmation()
    }

    private func readRoutes(isForced: Bool) {
        // Taken before the file is read, so that a concurrent write counts as a change.
        let file = FileFingerprint(path: path)
        guard isForced || routes.hasChanged(file) else { return }
        do throws(RouteMapError) {
            install(try RouteMapFile.load(path: path), from: file)
        } catch {
            // Retry an unreadable file at the next check, and log the error once.
            let isNewFault = isForced || routes.fault != error
            routes.keepCurrent(becauseOf: error, in: error.isReadFailure ? nil : file)
            guard isNewFault else { return }
            metrics.routeReloads.count(.failed)
            let inForce = routes.current.count
            logger.error(
                routes.loadedAt == nil
                    ? "could not load route map; refusing all hostnames until it loads"
                    : "could not load route map; the previous one stays in effect",
                metadata: .init([.error: "\(error)", .routes: String(inForce)])
            )
        }
    }

    private func install(_ table: RouteTable, from file: FileFingerprint) {
        let old = routes.current
        // Log the first map, and the first valid one after an error, even without changes.
        if routes.loadedAt != nil, routes.fault == nil, table.isSame(as: old) {
            routes.confirm(by: table, from: file, at: clock.now)
            logger.debug("route map unchanged", metadata: .init([.routes: String(table.count)]))
            return
        }
        let changes = table.changes(since: old)
        // Before the first session of a new branch can be counted.
        metrics.targets.keep(table.hostnames.keys)
        routes.replace(with: table, from: file, at: clock.now)
        // A session being dialled checks the table again once it is registered.
        let closed = notifySessions(table)
        metrics.routeReloads.count(.loaded)
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
                "routes of different branches share an address; refusing connections to them",
                metadata: .init([.address: conflict.address, .hostnames: conflict.hostnames])
            )
        }
        guard new.count > Self.loggedConflicts else { return }
        logger.error(
            "more routes of different branches share an address",
            metadata: .init([.suppressed: String(new.count - Self.loggedConflicts)])
        )
    }

    /// Logs that the route map has run out or is confirmed again, once each.
    private func reportConfirmation() {
        switch routes.confirmationChange(at: clock.now) {
        case .expired(let period):
            logger.error(
                "route map no longer confirmed; refusing new connections until it is",
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
