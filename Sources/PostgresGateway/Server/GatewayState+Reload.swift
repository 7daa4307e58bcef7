package import Foundation
import Logging
import RouteMap

extension GatewayState {
    /// Reads the route map and puts it in force for all hostnames at once. Sessions whose target is no
    /// longer active at the same place are closed. A file with a fault leaves the last good map in
    /// force. Blocking, never on an event loop, and not from two threads at a time.
    ///
    /// - Parameter isForced: reads it whether it has changed or not.
    package func reloadRoutes(isForced: Bool) {
        // Taken before the file is read: what is written meanwhile is seen as a change.
        let file = FileFingerprint(path: configuration.routeFile)
        guard isForced || routes.isNews(file) else { return }
        do {
            let table = try RouteMapFile.load(path: configuration.routeFile)
            let changes = table.changes(since: routes.current)
            routes.replace(with: table, from: file)
            // A session that is being dialled meanwhile looks at the table again once it is entered.
            let closed = sessions.close { !table.serves($0) }
            routeReloads.count(.loaded)
            logger.info(
                "route map loaded",
                metadata: .init([
                    .routes: String(table.count), .added: String(changes.added), .removed: String(changes.removed),
                    .changed: String(changes.changed), .closed: String(closed),
                ])
            )
        } catch {
            // What could not be read is tried again at the next look, and told once.
            let isNews = isForced || routes.fault != error
            routes.keepCurrent(becauseOf: error, in: error.isReadFailure ? nil : file)
            guard isNews else { return }
            routeReloads.count(.failed)
            let inForce = routes.current.count
            logger.error(
                routes.loadedAt == nil
                    ? "route map not loaded; every hostname is refused until it is"
                    : "route map not loaded; the one in force stays",
                metadata: .init([.error: "\(error)", .routes: String(inForce)])
            )
        }
    }

    /// Reads the certificates again. What cannot be used leaves what was in force in its place.
    /// Sessions keep what they began with. Blocking, never on an event loop.
    ///
    /// - Parameter isForced: reads them whether they have changed or not.
    package func reloadCertificates(isForced: Bool) {
        switch isForced ? certificates.reload() : certificates.reloadIfChanged() {
        case .unchanged, .settling:
            break
        case .loaded(let table):
            certificateReloads.count(.loaded)
            logger.info("certificates loaded", metadata: .init([.certificates: String(table.pairs.count)]))
            warnOfCertificateDates()
        case .failed(let faults):
            certificateReloads.count(.failed)
            for fault in faults {
                logger.error("certificate not loaded; the one in force stays", metadata: .init([.error: "\(fault)"]))
            }
        }
    }

    /// Logs that the connections that are allowed need more files than the process may open.
    package func warnOfFileDescriptors(limit: Int) {
        let needed = FileDescriptorLimit.needed(forConnections: configuration.maxConnections)
        guard limit < needed else { return }
        logger.warning(
            """
            \(configuration.maxConnections) connections need \(needed) open files, but \(limit) are allowed; \
            raise LimitNOFILE= (ulimit -n) or lower \(GatewayVariable.maxConnections.environmentName)
            """
        )
    }

    /// Logs which certificates are left out since they could not be read at the start.
    package func reportCertificateFaults() {
        for fault in certificates.faults {
            logger.error("certificate not loaded; its names get another", metadata: .init([.error: "\(fault)"]))
        }
    }

    /// Logs which certificates are out of date, or soon will be.
    package func warnOfCertificateDates(at now: Date = .now) {
        for pair in certificates.current.pairs {
            if let finding = Readiness.Finding(pair, at: now) {
                logger.warning(
                    "certificate",
                    metadata: .init([.reason: finding.code.rawValue, .error: finding.message])
                )
            }
        }
    }
}
