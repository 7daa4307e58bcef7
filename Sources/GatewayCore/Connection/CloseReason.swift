/// Why a connection ends without an ErrorResponse. The raw value is the label in metrics and logs.
package enum CloseReason: String, CaseIterable, Hashable, Sendable {
    /// Closed by the client before its first byte: a port probe.
    case probe
    /// Closed by the client before its start-up was complete.
    case clientClosed = "client_closed"
    /// Plaintext behind an SSLRequest or GSSENCRequest (CVE-2021-23214, CVE-2021-23222).
    case bytesBehindRequest = "bytes_behind_request"
    case repeatedGSSENCRequest = "repeated_gssencrequest"
    /// No request of PostgreSQL's, and no TLS.
    case unknownProtocol = "unknown_protocol"
    case handshakeFailed = "handshake_failed"
    case handshakeTimeout = "handshake_timeout"
    /// Made way for another start-up while its next byte was the client's to send.
    case evicted
    /// The gateway is stopping and waits no longer.
    case gatewayClosed = "gateway_closed"
}

/// Whose limit it is that is reached. The raw value is the label in metrics and logs.
package enum Limit: String, CaseIterable, Hashable, Sendable {
    case startups
    case startupsPerAddress = "startups_per_address"
    case handshakes
    case connections
    case connectionsPerRoute = "connections_per_route"
    case connectionsPerAddress = "connections_per_address"
    case unauthenticatedPerRoute = "unauthenticated_per_route"
    case unauthenticatedPerAddress = "unauthenticated_per_address"
    case authenticationFailures = "authentication_failures"
}
