/// The gateway's settings: one list of names, flags, defaults and help texts.
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
    case maxHandshakes = "MAX_HANDSHAKES"
    case handshakeTimeout = "HANDSHAKE_TIMEOUT"
    case connectTimeout = "CONNECT_TIMEOUT"
    case drainTimeout = "DRAIN_TIMEOUT"

    /// What all names of variables begin with.
    package static let prefix = "FROST_POSTGRES_GATEWAY_"

    package var environmentName: String { Self.prefix + rawValue }

    package var flag: String { "--" + rawValue.lowercased().replacing("_", with: "-") }

    /// The key by which swift-configuration finds the variable in the environment.
    package var configurationKey: String { environmentName.lowercased().replacing("_", with: ".") }
}
