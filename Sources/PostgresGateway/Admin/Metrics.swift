import Foundation
import GatewayContract
import GatewayCore
import GatewayHardening
import RouteMap

/// What the gateway counts, as Prometheus reads it (text format 0.0.4).
///
/// Labels have the ids of branches that are or were in the route map, and nothing a client has sent.
enum Metrics {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func text(of gateway: GatewayServer) -> String {
        var lines: [String] = []
        let sessions = gateway.registry.countsByTarget().sorted { $0.key < $1.key }
        lines += family(
            .connectionsActive,
            "Sessions that have a backend, by the branch they lead to.",
            sessions.map { ("target", $0.key, $0.value) }
        )
        lines += admission(gateway)
        lines += family(
            .routes,
            "Hostnames in the route map in force, those of stopped branches included.",
            gateway.routes.current.count
        )
        lines += family(
            .routeAddressConflicts,
            "Addresses that routes of different branches have.",
            gateway.routes.current.conflicts.count
        )
        if let since = gateway.routes.period?.confirmation.confirmedAt ?? gateway.routes.loadedAt {
            lines += family(
                .routeMapAge,
                "Since the route map was confirmed, or taken up if it need not be.",
                // Whole seconds. A clock that was set back makes no negative age.
                Int(max(0, gateway.clock.now.wall.timeIntervalSince(since)))
            )
        }
        lines += certificates(gateway.certificates, routes: gateway.routes)
        return lines.joined(separator: "\n") + "\n"
    }

    /// Who came in, who did not, and why.
    private static func admission(_ gateway: GatewayServer) -> [String] {
        let log = gateway.metrics
        let outcomes = log.outcomes.all
        let dialFailures = log.dialFailures.all
        // Those that never were are there with 0: an alert on a rate sees the first one.
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
            "Connections that have no session yet, and those that were refused and have only to close.",
            registry.startupCount
        )
            + family(
                .handshakesWaiting,
                "TLS handshakes that wait for their turn.",
                registry.waitingHandshakeCount
            )
            + family(.connections, "Connections that are over, by what became of them.", byOutcome)
            + family(
                .routeMisses,
                "Connections refused since no branch has the hostname.",
                outcomes[.refused(.unknownHostname), default: 0]
            )
            + family(
                .backendDialErrors,
                "Connections that a branch's server did not take, by reason.",
                DialFailure.allCases.map { ("reason", $0.rawValue, dialFailures[$0, default: 0]) }
            )
            + family(
                .limitRejections,
                "Connections refused, by the limit that was reached.",
                byLimit(log.limitRejections.all)
            )
            + family(.evictions, "Connections that made way for others, by the limit.", byLimit(log.evictions.all))
            + family(
                .authenticationFailures,
                "Logins that a server refused, by branch.",
                failures.map { ("target", $0.key, $0.value) }
            )
    }

    /// What there is to count of certificates.
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
            "Hostnames of the route map that no certificate covers.",
            store.uncovered(in: routes).count
        )
            + family(
                .certificateExpiry,
                "When each certificate expires, in seconds since 1970.",
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
        ["# HELP \(name.rawValue) \(help)", "# TYPE \(name.rawValue) \(name.isCounter ? "counter" : "gauge")"]
    }

    /// A label's value: backslash, quotation mark and line feed are escaped.
    private static func escape(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
