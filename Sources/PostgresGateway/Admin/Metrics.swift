import Foundation
import GatewayContract
import GatewayCore
import GatewayHardening
import RouteMap

/// The gateway's metrics in Prometheus's text format 0.0.4.
///
/// Labels have the ids of branches that are or were in the route map, and nothing a client has sent.
enum Metrics {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func text(of gateway: GatewayServer) -> String {
        var lines: [String] = []
        let sessions = gateway.registry.countsByTarget().sorted { $0.key < $1.key }
        lines += family(
            .connectionsActive,
            "Sessions by branch.",
            sessions.map { ("target", $0.key, $0.value) }
        )
        lines += admission(gateway)
        lines += family(
            .routes,
            "Hostnames in the current route map, including those of stopped branches.",
            gateway.routes.current.count
        )
        lines += family(
            .routeAddressConflicts,
            "Addresses shared by routes of different branches.",
            gateway.routes.current.conflicts.count
        )
        if let since = gateway.routes.period?.confirmation.confirmedAt ?? gateway.routes.loadedAt {
            lines += family(
                .routeMapAge,
                "Seconds since the route map was confirmed, or loaded if it needs no confirmation.",
                // Whole seconds. A clock that was set back makes no negative age.
                Int(max(0, gateway.clock.now.wall.timeIntervalSince(since)))
            )
        }
        lines += certificates(gateway.certificates, routes: gateway.routes)
        return lines.joined(separator: "\n") + "\n"
    }

    /// Connections by outcome, and the reasons.
    private static func admission(_ gateway: GatewayServer) -> [String] {
        let log = gateway.metrics
        let outcomes = log.outcomes.all
        let dialFailures = log.dialFailures.all
        // Include zero counts, so that an alert on a rate sees the first event.
        let byOutcome = ConnectionOutcome.allCases.map { ("outcome", $0.label, outcomes[$0, default: 0]) }
        func byLimit(_ counts: [Limit: Int]) -> [(String, String, Int)] {
            Limit.allCases.map { ("limit", $0.rawValue, counts[$0, default: 0]) }
        }
        let hostnames = gateway.routes.current.hostnames
        // The series of a branch goes when its route goes.
        let failures = log.authenticationFailures.all.filter { hostnames[$0.key] != nil }.sorted { $0.key < $1.key }
        let registry = gateway.registry
        return family(
            .startupsActive,
            "Connections in start-up, and refused ones that have yet to close.",
            registry.startupCount
        )
            + family(
                .handshakesWaiting,
                "TLS handshakes waiting for their turn.",
                registry.waitingHandshakeCount
            )
            + family(.connections, "Closed connections by outcome.", byOutcome)
            + family(
                .routeMisses,
                "Connections refused because no branch has the hostname.",
                outcomes[.refused(.unknownHostname), default: 0]
            )
            + family(
                .backendDialErrors,
                "Failed connections to a branch's server, by reason.",
                DialFailure.allCases.map { ("reason", $0.rawValue, dialFailures[$0, default: 0]) }
            )
            + family(
                .limitRejections,
                "Connections refused by limit.",
                byLimit(log.limitRejections.all)
            )
            + family(.evictions, "Connections closed in favor of others, by limit.", byLimit(log.evictions.all))
            + family(
                .authenticationFailures,
                "Failed logins by branch.",
                failures.map { ("target", $0.key, $0.value) }
            )
    }

    /// The metrics of certificates.
    static func certificates(_ store: CertificateStore, routes: RouteStore) -> [String] {
        // Two pairs may be for one name: the pair for all other names beside one of a file of its name.
        var expiries: [String: Int] = [:]
        for (name, pair) in store.current.entries {
            let label = name ?? pair.names.first ?? "default"
            let expiry = Int(pair.notAfter.timeIntervalSince1970)
            expiries[label] = min(expiry, expiries[label] ?? expiry)
        }
        return family(
            .hostnamesUncovered,
            "Hostnames in the route map that no certificate covers.",
            store.uncovered(in: routes).count
        )
            + family(
                .certificateExpiry,
                "Expiry time of each certificate, in seconds since the Unix epoch.",
                expiries.sorted { $0.key < $1.key }.map { ("name", $0.key, $0.value) }
            )
    }

    private static func family(_ name: MetricName, _ help: String, _ value: Int) -> [String] {
        head(name, help) + ["\(name.rawValue) \(value)"]
    }

    private static func family(
        _ name: MetricName,
        _ help: String,
        _ samples: [(label: String, value: String, count: Int)]
    ) -> [String] {
        head(name, help)
            + samples.map { "\(name.rawValue){\($0.label)=\"\(escape($0.value))\"} \($0.count)" }
    }

    private static func head(_ name: MetricName, _ help: String) -> [String] {
        ["# HELP \(name.rawValue) \(name.help)", "# TYPE \(name.rawValue) \(name.kind.rawValue)"]
    }

    /// A label's value: backslash, quotation mark and line feed are escaped.
    private static func escape(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
