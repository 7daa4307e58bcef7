package import Configuration
package import GatewayContract
package import Logging
package import NIOCore

/// The gateway's validated configuration: every value is usable, and every required file is named.
package struct GatewayConfiguration: Sendable {
    package enum LogFormat: String, CaseIterable, Sendable {
        /// One JSON object a line.
        case json
        case text
    }

    /// Where the certificates are.
    package enum Certificates: Hashable, Sendable {
        /// One pair for every name; PEM files, the chain leaf first.
        case pair(certFile: String, keyFile: String)
        /// `<name>.crt` and `<name>.key` pairs chosen by server name, and a pair for all other names.
        case directory(String, fallback: Pair?)

        package struct Pair: Hashable, Sendable {
            package var certFile: String
            package var keyFile: String

            package init(certFile: String, keyFile: String) {
                self.certFile = certFile
                self.keyFile = keyFile
            }
        }
    }

    package var isEnabled = GatewaySettings.enabled.defaultValue
    package var port = GatewaySettings.port.defaultValue
    /// IP literals; empty for all addresses of the host, IPv6 and IPv4.
    package var listenAddresses: [String] = []
    package var routeFile: String
    package var certificates: Certificates
    /// Where the paths of ``AdminPath`` are.
    package var adminAddress = AdminAddress(host: GatewayPort.adminHost, port: GatewayPort.admin)
    package var logLevel = Logger.Level.info
    package var logFormat = LogFormat.json

    /// Maximum number of sessions; more are refused with 53300.
    package var maxConnections = GatewaySettings.maxConnections.defaultValue
    /// Whether ``maxConnections`` was asked for; the default is lowered to what the descriptors allow.
    package var isMaxConnectionsGiven = false
    /// Sessions of one branch at a time, where its route has no limit of its own; 0 for no limit.
    package var maxConnectionsPerRoute = GatewaySettings.maxConnectionsPerRoute.defaultValue
    /// Sessions of one client address at a time; 0 for no limit.
    package var maxConnectionsPerAddress = GatewaySettings.maxConnectionsPerAddress.defaultValue
    /// Connections at a time that have no session yet; beyond, one is evicted.
    package var maxStartups = GatewaySettings.maxStartups.defaultValue
    /// The same, of one client address.
    package var maxStartupsPerAddress = GatewaySettings.maxStartupsPerAddress.defaultValue
    /// Handshakes that wait for their turn; beyond, the oldest is closed.
    package var maxHandshakes = GatewaySettings.maxHandshakes.defaultValue
    /// Maximum number of unauthenticated sessions per branch; above it, the oldest is closed.
    package var maxUnauthenticatedPerRoute = GatewaySettings.maxUnauthenticatedPerRoute.defaultValue
    /// Sessions of one client address at a time that have not logged in yet; others wait.
    package var maxUnauthenticatedPerAddress = GatewaySettings.maxUnauthenticatedPerAddress.defaultValue
    /// Failed logins from one address to one branch, after which it is refused for a while; 0 for no limit.
    package var maxAuthenticationFailures = GatewaySettings.maxAuthenticationFailures.defaultValue

    /// From accept to a complete first packet.
    package var handshakeTimeout = TimeAmount(GatewaySettings.handshakeTimeout)
    /// From the dial to the end of the login.
    package var authenticationTimeout = TimeAmount(GatewaySettings.authenticationTimeout)
    package var connectTimeout = TimeAmount(GatewaySettings.connectTimeout)
    /// How long a session may go without a byte either way; zero for ever.
    package var idleTimeout = TimeAmount(GatewaySettings.idleTimeout)
    /// How long sessions may go on after SIGTERM.
    package var drainTimeout = TimeAmount(GatewaySettings.drainTimeout)
    /// How long a session waits for its server's final message after its route is gone.
    package var routeCloseGrace = TimeAmount(GatewaySettings.routeCloseGrace)

    package init(routeFile: String, certificates: Certificates) {
        self.routeFile = routeFile
        self.certificates = certificates
    }
}

/// A setting that cannot be used: which one, why, and what to do.
package struct ConfigurationError: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }

    /// - Parameter problem: follows the variable's name, e.g. "is not set".
    package init(_ variable: GatewayVariable, _ problem: String) {
        self.init("\(variable.environmentName) (\(variable.flag)) \(problem)")
    }
}

extension GatewayConfiguration {
    /// Whether the gateway is enabled; read alone, since a disabled gateway needs nothing else.
    ///
    /// - Throws: ``ConfigurationError`` for a value that is not a boolean.
    package static func isEnabled(in reader: ConfigReader) throws(ConfigurationError) -> Bool {
        try VariableReader(reader).flag(GatewaySettings.enabled)
    }

    /// The admin address; can be read alone, by programs that query it.
    ///
    /// - Throws: ``ConfigurationError`` for an invalid address.
    package static func adminAddress(in reader: ConfigReader) throws(ConfigurationError) -> AdminAddress {
        try VariableReader(reader).address(.adminAddress)
            ?? AdminAddress(host: GatewayPort.adminHost, port: GatewayPort.admin)
    }

    /// Reads and checks all settings.
    ///
    /// - Parameters:
    ///   - reader: flags first, then the environment, under ``GatewayVariable/configurationKey``.
    ///   - isTerminal: whether standard error is one; logs are then for people unless the settings say otherwise.
    /// - Throws: ``ConfigurationError`` that names the variable at fault.
    package init(reader: ConfigReader, isTerminal: Bool = false) throws(ConfigurationError) {
        let values = VariableReader(reader)
        guard let routeFile = values.text(.routeFile) else {
            throw ConfigurationError(.routeFile, "is not set; set it to the path of the route map file")
        }
        self.init(routeFile: routeFile, certificates: try Self.certificates(values))
        isEnabled = try values.flag(GatewaySettings.enabled)
        port = try values.number(GatewaySettings.port)
        listenAddresses = try values.addresses(.listenAddress) ?? []
        adminAddress = try values.address(.adminAddress) ?? adminAddress
        logLevel = try values.choice(GatewaySettings.logLevel).flatMap { Logger.Level(rawValue: $0) } ?? logLevel
        let format = try values.choice(GatewaySettings.logFormat).flatMap { LogFormat(rawValue: $0) }
        logFormat = format ?? (isTerminal ? .text : .json)
        try readLimits(values)
        try readTimes(values)
    }

    private mutating func readLimits(_ values: VariableReader) throws(ConfigurationError) {
        maxConnections = try values.number(GatewaySettings.maxConnections)
        isMaxConnectionsGiven = values.text(.maxConnections) != nil
        maxConnectionsPerRoute = try values.number(GatewaySettings.maxConnectionsPerRoute)
        maxConnectionsPerAddress = try values.number(GatewaySettings.maxConnectionsPerAddress)
        maxStartups = try values.number(GatewaySettings.maxStartups)
        maxStartupsPerAddress = try values.number(GatewaySettings.maxStartupsPerAddress)
        maxHandshakes = try values.number(GatewaySettings.maxHandshakes)
        maxUnauthenticatedPerRoute = try values.number(GatewaySettings.maxUnauthenticatedPerRoute)
        maxUnauthenticatedPerAddress = try values.number(GatewaySettings.maxUnauthenticatedPerAddress)
        maxAuthenticationFailures = try values.number(GatewaySettings.maxAuthenticationFailures)
    }

    private mutating func readTimes(_ values: VariableReader) throws(ConfigurationError) {
        handshakeTimeout = try values.duration(GatewaySettings.handshakeTimeout)
        authenticationTimeout = try values.duration(GatewaySettings.authenticationTimeout)
        connectTimeout = try values.duration(GatewaySettings.connectTimeout)
        idleTimeout = try values.duration(GatewaySettings.idleTimeout)
        drainTimeout = try values.duration(GatewaySettings.drainTimeout)
        routeCloseGrace = try values.duration(GatewaySettings.routeCloseGrace)
    }

    private static func certificates(_ values: VariableReader) throws(ConfigurationError) -> Certificates {
        let pair: Certificates.Pair? =
            switch (values.text(.certFile), values.text(.keyFile)) {
            case (let certFile?, let keyFile?): Certificates.Pair(certFile: certFile, keyFile: keyFile)
            case (nil, nil): nil
            case (_?, nil):
                throw ConfigurationError(.keyFile, "is not set, but \(GatewayVariable.certFile.environmentName) is")
            case (nil, _?):
                throw ConfigurationError(.certFile, "is not set, but \(GatewayVariable.keyFile.environmentName) is")
            }
        if let directory = values.text(.certDir) { return .directory(directory, fallback: pair) }
        guard let pair else {
            throw ConfigurationError(
                .certFile,
                "is not set; set it and \(GatewayVariable.keyFile.environmentName), "
                    + "or \(GatewayVariable.certDir.environmentName)"
            )
        }
        return .pair(certFile: pair.certFile, keyFile: pair.keyFile)
    }
}
