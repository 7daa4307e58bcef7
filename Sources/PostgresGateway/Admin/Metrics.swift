import Foundation
import RouteMap

/// What the gateway counts, as Prometheus reads it (text format 0.0.4).
///
/// Labels have the ids of branches that are or were in the route map, and nothing a client has sent.
enum Metrics {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func text(of state: GatewayState) -> String {
        var lines = [
            "# HELP postgres_gateway_connections_active Sessions that have a backend, by the branch they lead to.",
            "# TYPE postgres_gateway_connections_active gauge",
        ]
        for (target, count) in state.registry.countsByTarget().sorted(by: { $0.key < $1.key }) {
            lines.append("postgres_gateway_connections_active{target=\"\(escape(target))\"} \(count)")
        }
        lines += [
            "# HELP postgres_gateway_routes Hostnames in the route map in force, those of stopped branches included.",
            "# TYPE postgres_gateway_routes gauge",
            "postgres_gateway_routes \(state.routes.current.count)",
        ]
        lines += [
            "# HELP postgres_gateway_route_address_conflicts Addresses that routes of different branches have.",
            "# TYPE postgres_gateway_route_address_conflicts gauge",
            "postgres_gateway_route_address_conflicts \(state.routes.current.conflicts.count)",
        ]
        if let since = state.routes.period?.confirmation.confirmedAt ?? state.routes.loadedAt {
            // Whole seconds. A clock that was set back makes no negative age.
            let age = Int(max(0, state.clock.now.wall.timeIntervalSince(since)))
            lines += [
                "# HELP postgres_gateway_route_map_age_seconds Since the route map was confirmed, or taken up if it need not be.",
                "# TYPE postgres_gateway_route_map_age_seconds gauge",
                "postgres_gateway_route_map_age_seconds \(age)",
            ]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A label's value: backslash, quotation mark and line feed are escaped.
    private static func escape(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
