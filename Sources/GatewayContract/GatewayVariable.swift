/// The names of the gateway's settings. What each one is, is in ``GatewaySettings``.
///
/// Each is an environment variable `FROST_POSTGRES_GATEWAY_…` and a command-line flag of the same
/// meaning; the flag wins.
package enum GatewayVariable: String, CaseIterable, Sendable {
    case enabled = "ENABLED"
    case port = "PORT"
    case listenAddress = "LISTEN_ADDRESS"
    case routeFile = "ROUTE_FILE"
    case certFile = "CERT_FILE"
    case keyFile = "KEY_FILE"
    case certDir = "CERT_DIR"
    case adminAddress = "ADMIN_ADDRESS"
    case logLevel = "LOG_LEVEL"
    case logFormat = "LOG_FORMAT"
    case maxConnections = "MAX_CONNECTIONS"
    case maxConnectionsPerRoute = "MAX_CONNECTIONS_PER_ROUTE"
    case maxConnectionsPerAddress = "MAX_CONNECTIONS_PER_ADDRESS"
    case maxStartups = "MAX_STARTUPS"
    case maxStartupsPerAddress = "MAX_STARTUPS_PER_ADDRESS"
    case maxHandshakes = "MAX_HANDSHAKES"
    case maxUnauthenticatedPerRoute = "MAX_UNAUTHENTICATED_PER_ROUTE"
    case maxUnauthenticatedPerAddress = "MAX_UNAUTHENTICATED_PER_ADDRESS"
    case maxAuthenticationFailures = "MAX_AUTHENTICATION_FAILURES"
    case handshakeTimeout = "HANDSHAKE_TIMEOUT"
    case authenticationTimeout = "AUTHENTICATION_TIMEOUT"
    case connectTimeout = "CONNECT_TIMEOUT"
    case idleTimeout = "IDLE_TIMEOUT"
    case drainTimeout = "DRAIN_TIMEOUT"
    case routeCloseGrace = "ROUTE_CLOSE_GRACE"

    /// What all names of variables begin with.
    package static let prefix = "FROST_POSTGRES_GATEWAY_"

    package var environmentName: String { Self.prefix + rawValue }

    /// The name of the flag without its dashes.
    package var option: String { rawValue.lowercased().replacing("_", with: "-") }

    package var flag: String { "--" + option }

    /// The key by which swift-configuration finds the variable in the environment.
    package var configurationKey: String { environmentName.lowercased().replacing("_", with: ".") }
}
