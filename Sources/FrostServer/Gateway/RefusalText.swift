/// The gateway's reasons for refusing a connection, in words: those outcomes of closed connections that are refusals.
enum RefusalText {
    static let titles: [String: String] = [
        "tls_required": "No TLS",
        "no_server_name": "No server name (SNI)",
        "unknown_hostname": "Unknown hostname",
        "branch_stopped": "Branch stopped",
        "address_conflict": "Address conflict in the route map",
        "route_map_unconfirmed": "Route map not confirmed",
        "backend_unavailable": "Branch not accepting connections",
        "shutting_down": "Gateway shutting down",
        "too_many_connections": "Too many connections",
        "too_many_failed_logins": "Too many failed logins",
        "authentication_timeout": "Authentication timeout",
        "malformed_startup": "Invalid startup packet",
        "nested_request": "Encryption requested twice",
        "direct_tls_without_alpn": "Direct TLS without ALPN",
        "unsupported_protocol": "Unsupported protocol version",
    ]

    /// Of a gateway of another version, its own word.
    static func title(_ reason: String) -> String { titles[reason] ?? reason.replacing("_", with: " ") }
}
