/// The names of the gateway's metrics.
package enum MetricName: String, CaseIterable, Sendable {
    case connectionsActive = "postgres_gateway_connections_active"
    case startupsActive = "postgres_gateway_startups_active"
    case handshakesWaiting = "postgres_gateway_handshakes_waiting"
    case connections = "postgres_gateway_connections_total"
    case routeMisses = "postgres_gateway_route_misses_total"
    case backendDialErrors = "postgres_gateway_backend_dial_errors_total"
    case limitRejections = "postgres_gateway_limit_rejections_total"
    case evictions = "postgres_gateway_evictions_total"
    case authenticationFailures = "postgres_gateway_authentication_failures_total"
    case routes = "postgres_gateway_routes"
    case routeAddressConflicts = "postgres_gateway_route_address_conflicts"
    case routeMapAge = "postgres_gateway_route_map_age_seconds"
    case hostnamesUncovered = "postgres_gateway_hostnames_uncovered"
    case certificateExpiry = "postgres_gateway_certificate_expiry_seconds"

    /// Whether it counts up from the start of the gateway; others say how things stand.
    package var isCounter: Bool { rawValue.hasSuffix("_total") }
}
