package import Configuration
import GatewayContract
package import Logging
package import NIOCore

/// What a gateway is told before it starts. Checked: every value is usable, every file is named.
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

    package var isEnabled = false
    package var port = Defaults.port
    /// IP literals; empty for all addresses of the host, IPv6 and IPv4.
    package var listenAddresses: [String] = []
    package var routeFile: String
    package var certificates: Certificates
    /// Where `/healthz` and `/readyz` are.
    package var adminAddress = Defaults.adminAddress
    package var logLevel = Logger.Level.info
    package var logFormat = LogFormat.json
    /// Sessions and start-ups together; those beyond are refused with 53300.
    package var maxConnections = Defaults.maxConnections
    /// Connections between accept and their first packet; beyond this, accepting waits.
    package var maxHandshakes = Defaults.maxHandshakes
    /// From accept to a complete first packet.
    package var handshakeTimeout = Defaults.handshakeTimeout
    package var connectTimeout = Defaults.connectTimeout
    /// How long sessions may go on after SIGTERM.
    package var drainTimeout = Defaults.drainTimeout

    package init(routeFile: String, certificates: Certificates) {
        self.routeFile = routeFile
        self.certificates = certificates
    }

    package enum Defaults {
        package static let port = 5_432
        package static let adminAddress = AdminAddress(host: "127.0.0.1", port: 9_432)
        package static let maxConnections = 10_000
        package static let maxHandshakes = 64 * System.coreCount
        package static let handshakeTimeout = TimeAmount.seconds(10)
        package static let connectTimeout = TimeAmount.seconds(5)
        package static let drainTimeout = TimeAmount.seconds(30)
    }
}

/// A setting that cannot be used: which one, why, and what to do.
package struct ConfigurationError: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }

    init(_ variable: GatewayVariable, _ problem: String) {
        self.init("\(variable.environmentName) (\(variable.flag)) \(problem)")
    }
}

extension GatewayConfiguration {
    /// Whether the gateway is to run at all; read on its own, since a disabled gateway needs nothing else.
    ///
    /// - Throws: ``ConfigurationError`` for a value that is no yes or no.
    package static func isEnabled(in reader: ConfigReader) throws(ConfigurationError) -> Bool {
        try VariableReader(reader).flag(.enabled) ?? false
    }

    /// Where the admin address is; read on its own by who asks it, and needs nothing else.
    ///
    /// - Throws: ``ConfigurationError`` for a value that is no address.
    package static func adminAddress(in reader: ConfigReader) throws(ConfigurationError) -> AdminAddress {
        try VariableReader(reader).address(.adminAddress) ?? Defaults.adminAddress
    }

    /// Reads and checks all settings.
    ///
    /// - Parameter reader: flags first, then the environment, under ``GatewayVariable/configurationKey``.
    /// - Throws: ``ConfigurationError`` that names the variable at fault.
    package init(reader: ConfigReader) throws(ConfigurationError) {
        let values = VariableReader(reader)
        guard let routeFile = values.text(.routeFile) else {
            throw ConfigurationError(.routeFile, "is not set; give the path of the route map file")
        }
        self.init(routeFile: routeFile, certificates: try Self.certificates(values))
        isEnabled = try values.flag(.enabled) ?? false
        port = try values.number(.port, in: 0...65_535) ?? port
        listenAddresses = try values.addresses(.listenAddress) ?? []
        adminAddress = try values.address(.adminAddress) ?? adminAddress
        logLevel = try values.choice(.logLevel, of: Logger.Level.allCases, named: \.rawValue) ?? logLevel
        logFormat = try values.choice(.logFormat, of: LogFormat.allCases, named: \.rawValue) ?? logFormat
        maxConnections = try values.number(.maxConnections, in: 1...10_000_000) ?? maxConnections
        maxHandshakes = try values.number(.maxHandshakes, in: 1...1_000_000) ?? maxHandshakes
        handshakeTimeout = try values.duration(.handshakeTimeout, atLeast: .milliseconds(1)) ?? handshakeTimeout
        connectTimeout = try values.duration(.connectTimeout, atLeast: .milliseconds(1)) ?? connectTimeout
        drainTimeout = try values.duration(.drainTimeout, atLeast: .zero) ?? drainTimeout
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
                "is not set; give it and \(GatewayVariable.keyFile.environmentName), "
                    + "or \(GatewayVariable.certDir.environmentName)"
            )
        }
        return .pair(certFile: pair.certFile, keyFile: pair.keyFile)
    }
}
