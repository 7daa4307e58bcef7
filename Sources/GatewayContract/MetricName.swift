/// The names of the gateway's metrics.
package enum MetricName: String, CaseIterable, Sendable {
    case connectionsActive = "postgres_gateway_connections_active"
    case routes = "postgres_gateway_routes"
    case routeAddressConflicts = "postgres_gateway_route_address_conflicts"
    case routeMapAge = "postgres_gateway_route_map_age_seconds"
    case hostnamesUncovered = "postgres_gateway_hostnames_uncovered"
    case certificateExpiry = "postgres_gateway_certificate_expiry_seconds"
}
