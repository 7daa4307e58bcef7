/// The gateway's settings: the one table of names, defaults, units, ranges and help texts.
package enum GatewaySettings {
    /// Most connections of any kind that can be asked for.
    private static let most = 10_000_000

    package static let enabled = SwitchSetting(
        variable: .enabled,
        defaultValue: false,
        help: "Enable the gateway; otherwise run reports that it is disabled and exits 0."
    )
    package static let port = NumberSetting(
        variable: .port,
        defaultValue: GatewayPort.client,
        range: 0...65_535,
        zero: "any free port",
        help: "Port to listen on."
    )
    package static let listenAddress = TextSetting(
        variable: .listenAddress,
        defaultNote: "all addresses, IPv6 and IPv4",
        values: "IP addresses, separated by commas",
        help: "Addresses to listen on."
    )
    package static let routeFile = TextSetting(
        variable: .routeFile,
        defaultNote: "none; required",
        values: "a path",
        help: "Route map file (JSON); reloaded when it changes."
    )
    package static let certFile = TextSetting(
        variable: .certFile,
        defaultNote: "none; required unless \(GatewayVariable.certDir.rawValue) is set",
        values: "a path",
        help: "Certificate chain (PEM, leaf first), for names without a pair in \(GatewayVariable.certDir.rawValue)."
    )
    package static let keyFile = TextSetting(
        variable: .keyFile,
        defaultNote: "none; required with \(GatewayVariable.certFile.rawValue)",
        values: "a path",
        help: "Unencrypted private key (PEM) of \(GatewayVariable.certFile.rawValue)."
    )
    package static let certDir = TextSetting(
        variable: .certDir,
        defaultNote: "none",
        values: "a path",
        help: "Directory of <name>.crt and <name>.key pairs, also in its subdirectories; the server name selects one."
    )
    package static let adminAddress = TextSetting(
        variable: .adminAddress,
        defaultValueText: "\(GatewayPort.adminHost):\(GatewayPort.admin)",
        values: "an IP address and a port",
        help: "Address for \(AdminPath.list)."
    )
    package static let logLevel = ChoiceSetting(
        variable: .logLevel,
        choices: ["trace", "debug", "info", "notice", "warning", "error", "critical"],
        defaultValueText: "info",
        help: "Minimum level of log lines."
    )
    package static let logFormat = ChoiceSetting(
        variable: .logFormat,
        choices: ["json", "text"],
        defaultValueText: "json",
        defaultNote: "or text when standard error is a terminal",
        help: "json: one object per line on standard error; text: for people."
    )

    // MARK: Limits

    package static let maxConnections = NumberSetting(
        variable: .maxConnections,
        defaultValue: 10_000,
        defaultNote: "or as many as the file descriptors allow",
        range: 1...most,
        help: "Maximum number of sessions; more are refused with 53300."
    )
    package static let maxConnectionsPerRoute = NumberSetting(
        variable: .maxConnectionsPerRoute,
        defaultValue: 0,
        range: 0...most,
        zero: "no limit",
        help: "Maximum number of sessions per branch; a route's own maxConnections takes precedence."
    )
    package static let maxConnectionsPerAddress = NumberSetting(
        variable: .maxConnectionsPerAddress,
        defaultValue: 0,
        range: 0...most,
        zero: "no limit",
        help: "Maximum number of sessions per client address (IPv4 address or IPv6 /64)."
    )
    package static let maxStartups = NumberSetting(
        variable: .maxStartups,
        defaultValue: 4_096,
        range: 1...most,
        help: "Maximum number of connections in start-up; above it, the oldest silent one is closed."
    )
    package static let maxStartupsPerAddress = NumberSetting(
        variable: .maxStartupsPerAddress,
        defaultValue: 512,
        range: 1...most,
        help: "Maximum number of connections in start-up per client address."
    )
    package static let maxHandshakes = NumberSetting(
        variable: .maxHandshakes,
        defaultValue: 1_024,
        range: 1...most,
        help: "Maximum number of waiting TLS handshakes; above it, the one waiting longest is closed."
    )
    package static let maxUnauthenticatedPerRoute = NumberSetting(
        variable: .maxUnauthenticatedPerRoute,
        defaultValue: 64,
        range: 1...most,
        help: "Maximum number of unauthenticated sessions per branch; above it, the oldest is closed."
    )
    package static let maxUnauthenticatedPerAddress = NumberSetting(
        variable: .maxUnauthenticatedPerAddress,
        defaultValue: 32,
        range: 1...most,
        help: "Maximum number of unauthenticated sessions per client address; more wait for their turn."
    )
    package static let maxAuthenticationFailures = NumberSetting(
        variable: .maxAuthenticationFailures,
        defaultValue: 30,
        range: 0...most,
        zero: "no limit",
        help: "Failed logins from one address to one branch within 150s before the address is refused for 60s."
    )

    // MARK: Times

    package static let handshakeTimeout = DurationSetting(
        variable: .handshakeTimeout,
        defaultMilliseconds: 10_000,
        minimumMilliseconds: 1,
        help: "Maximum time from accept to a complete first packet inside TLS."
    )
    package static let authenticationTimeout = DurationSetting(
        variable: .authenticationTimeout,
        defaultMilliseconds: 60_000,
        minimumMilliseconds: 1,
        help: "Maximum time from connecting to a branch to a completed login."
    )
    package static let connectTimeout = DurationSetting(
        variable: .connectTimeout,
        defaultMilliseconds: 5_000,
        minimumMilliseconds: 1,
        help: "Maximum time to connect to a branch."
    )
    package static let idleTimeout = DurationSetting(
        variable: .idleTimeout,
        defaultMilliseconds: 0,
        minimumMilliseconds: 0,
        zero: "none",
        help: "Close a session after this time without a byte in either direction."
    )
    package static let drainTimeout = DurationSetting(
        variable: .drainTimeout,
        defaultMilliseconds: 30_000,
        minimumMilliseconds: 0,
        help: "Time that sessions may continue after SIGTERM."
    )
    package static let routeCloseGrace = DurationSetting(
        variable: .routeCloseGrace,
        defaultMilliseconds: 5_000,
        minimumMilliseconds: 0,
        help: "Time that a session waits for its server's final message after its route is gone."
    )

    /// All of them, in the order in which people are shown them.
    package static let all: [any GatewaySetting] = GatewayVariable.allCases.map(setting)

    package static func setting(_ variable: GatewayVariable) -> any GatewaySetting {
        switch variable {
        case .enabled: enabled
        case .port: port
        case .listenAddress: listenAddress
        case .routeFile: routeFile
        case .certFile: certFile
        case .keyFile: keyFile
        case .certDir: certDir
        case .adminAddress: adminAddress
        case .logLevel: logLevel
        case .logFormat: logFormat
        case .maxConnections: maxConnections
        case .maxConnectionsPerRoute: maxConnectionsPerRoute
        case .maxConnectionsPerAddress: maxConnectionsPerAddress
        case .maxStartups: maxStartups
        case .maxStartupsPerAddress: maxStartupsPerAddress
        case .maxHandshakes: maxHandshakes
        case .maxUnauthenticatedPerRoute: maxUnauthenticatedPerRoute
        case .maxUnauthenticatedPerAddress: maxUnauthenticatedPerAddress
        case .maxAuthenticationFailures: maxAuthenticationFailures
        case .handshakeTimeout: handshakeTimeout
        case .authenticationTimeout: authenticationTimeout
        case .connectTimeout: connectTimeout
        case .idleTimeout: idleTimeout
        case .drainTimeout: drainTimeout
        case .routeCloseGrace: routeCloseGrace
        }
    }
}
