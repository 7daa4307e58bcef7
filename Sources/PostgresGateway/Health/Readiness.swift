package import Foundation
package import GatewayContract
package import RouteMap

/// Whether the gateway can serve, and what needs an operator's attention.
package struct Readiness: Codable, Hashable, Sendable {
    /// One problem. The code is for programs, the message for people.
    package struct Finding: Codable, Hashable, Sendable {
        package enum Code: String, Codable, Sendable {
            case notListening = "not_listening"
            case shuttingDown = "shutting_down"
            /// No good route map has been read since the start.
            case routeMapMissing = "route_map_missing"
            /// The route map is invalid; the previous one stays in effect.
            case routeMapStale = "route_map_stale"
            /// The writer of the route map no longer answers for it.
            case routeMapUnconfirmed = "route_map_unconfirmed"
            /// Routes of different branches have one address.
            case addressConflict = "address_conflict"
            /// Not one certificate is in date.
            case noCertificateInDate = "no_certificate_in_date"
            case certificateOutOfDate = "certificate_out_of_date"
            case certificateExpiresSoon = "certificate_expires_soon"
            /// The certificate in a file is not for the name that the file has.
            case certificateMisnamed = "certificate_misnamed"
            /// Clients that verify names cannot connect to some hostnames of the route map.
            case hostnamesUncovered = "hostnames_uncovered"
            /// A limit was reached within the last minute.
            case limitReached = "limit_reached"
            /// Connections could not be accepted within the last minute.
            case acceptFailing = "accept_failing"
            /// A certificate file is invalid; the previous pair stays in effect.
            case certificateStale = "certificate_stale"
        }

        package var code: Code
        package var message: String
    }

    package enum Status: String, Codable, Sendable {
        case ready
        case notReady = "not_ready"
    }

    package var status: Status
    /// Why it is not ready; empty if it is.
    package var reasons: [Finding]
    /// Problems that do not stop it from serving yet.
    package var warnings: [Finding]
    package var sessions: Int
    package var routes: Int

    /// Certificates that run out within this time, in seconds, are warned of: two weeks.
    package static let expiryWarning: TimeInterval = 14 * 24 * 3_600

    /// Most addresses that a finding names.
    package static let namedConflicts = 5
}

extension GatewayServer {
    /// Whether the gateway can serve now: it listens, has had a good route map that its writer still
    /// answers for, and a certificate in date.
    package func readiness() -> Readiness {
        let reading = clock.now
        let now = reading.wall
        var reasons: [Readiness.Finding] = []
        var warnings: [Readiness.Finding] = []
        if !isListening {
            reasons.append(.init(code: .notListening, message: "the gateway is starting"))
        }
        if registry.isDraining {
            reasons.append(.init(code: .shuttingDown, message: "the gateway is stopping"))
        }
        let fault = routes.fault
        if let loadedAt = routes.loadedAt {
            if let fault {
                let message = "the route map of \(loadedAt.formatted(.iso8601)) stays in effect: \(fault)"
                warnings.append(.init(code: .routeMapStale, message: message))
            }
        } else {
            let message = fault.map { "no valid route map yet: \($0)" } ?? "no route map loaded yet"
            reasons.append(.init(code: .routeMapMissing, message: message))
        }
        if let period = routes.period, period.isOver(at: reading) {
            reasons.append(.unconfirmed(period))
        }
        if let finding = Readiness.Finding(routes.current.conflicts) { warnings.append(finding) }
        let pairs = certificates.current.pairs
        if !pairs.contains(where: { $0.isInDate(at: now) }) {
            reasons.append(.init(code: .noCertificateInDate, message: "no certificate is currently valid"))
        }
        warnings += Readiness.Finding.certificates(certificates.current, at: now)
        if let finding = Readiness.Finding(certificates.uncovered(in: routes)) { warnings.append(finding) }
        for fault in certificates.faults {
            warnings.append(
                .init(code: .certificateStale, message: "\(fault); the previous certificate, if any, stays in effect")
            )
        }
        if let finding = Readiness.Finding(limitsHit: registry.limitsHit(within: Readiness.recentLimits)) {
            warnings.append(finding)
        }
        if let reason = acceptFailures.reason(at: now) {
            warnings.append(.init(code: .acceptFailing, message: "could not accept connections: \(reason)"))
        }
        return Readiness(
            status: reasons.isEmpty ? .ready : .notReady,
            reasons: reasons,
            warnings: warnings,
            sessions: registry.sessionCount,
            routes: routes.current.count
        )
    }
}

extension Readiness.Finding {
    /// The writer's confirmation has run out.
    package static func unconfirmed(_ period: ConfirmationPeriod) -> Self {
        let confirmedAt = period.confirmation.confirmedAt.formatted(.iso8601)
        return Self(
            code: .routeMapUnconfirmed,
            message:
                "the route map was confirmed at \(confirmedAt) for \(period.confirmation.validForSeconds) s and "
                + "has expired, so new connections are refused; start the program that writes it, or check its log"
        )
    }

    /// The finding about routes that share an address; nil if there are none.
    package init?(_ conflicts: [AddressConflict]) {
        guard !conflicts.isEmpty else { return nil }
        let named = conflicts.prefix(Readiness.namedConflicts).map { "\($0.address) (\($0.hostnames))" }
        let more = conflicts.count - named.count
        code = .addressConflict
        message =
            "\(conflicts.count) \(conflicts.count == 1 ? "address is" : "addresses are") shared by routes of different branches, "
            + "which are refused: \(named.joined(separator: "; "))" + (more > 0 ? "; and \(more) more" : "")
    }

    /// The findings about certificates: their dates, and file names that are not in them.
    package static func certificates(_ table: CertificateTable, at now: Date) -> [Self] {
        table.pairs.compactMap { Self($0, at: now) } + table.misnamed.map { Self($0.pair, misnamed: $0.name) }
    }

    /// The finding about hostnames that no certificate covers; nil if there are none.
    package init?(_ uncovered: SessionsDocument.Uncovered) {
        guard uncovered.count > 0 else { return nil }
        code = .hostnamesUncovered
        message =
            "no certificate covers \(uncovered.count) \(uncovered.count == 1 ? "hostname" : "hostnames") of the route map, "
            + "so clients with sslmode=verify-full cannot connect to: \(Self.list(uncovered.first, of: uncovered.count))"
    }

    private init(_ pair: CertificatePair, misnamed name: String) {
        let shown = Array(pair.names.prefix(SessionsDocument.Uncovered.most))
        code = .certificateMisnamed
        message =
            "the certificate in \(pair.certFile) is not for \(name), as its file name says, but for "
            + (shown.isEmpty ? "no name" : Self.list(shown, of: pair.names.count))
    }

    private static func list(_ names: [String], of count: Int) -> String {
        names.joined(separator: ", ") + (count > names.count ? ", and \(count - names.count) more" : "")
    }

    /// The finding about a certificate's dates; nil if it is valid for long enough.
    package init?(_ pair: CertificatePair, at now: Date) {
        if now < pair.notBefore {
            code = .certificateOutOfDate
            message = "the certificate in \(pair.certFile) is not valid before \(pair.notBefore.formatted(.iso8601))"
        } else if now > pair.notAfter {
            code = .certificateOutOfDate
            message = "the certificate in \(pair.certFile) expired at \(pair.notAfter.formatted(.iso8601))"
        } else if now.addingTimeInterval(Readiness.expiryWarning) > pair.notAfter {
            code = .certificateExpiresSoon
            message = "the certificate in \(pair.certFile) expires at \(pair.notAfter.formatted(.iso8601))"
        } else {
            return nil
        }
    }
}
