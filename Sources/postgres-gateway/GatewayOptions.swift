import ArgumentParser
import Configuration
import Foundation
import GatewayContract
import PostgresGateway

/// The command-line form of ``GatewaySettings``. Texts: they are checked in one place, with those
/// of the environment.
struct GatewayOptions: ParsableArguments {
    @Flag(name: .customLong(GatewayVariable.enabled.option), inversion: .prefixedNo, help: .of(.enabled))
    var enabled: Bool?

    @Option(.port) var port: String?
    @Option(.listenAddress) var listenAddress: String?
    @Option(.routeFile) var routeFile: String?
    @Option(.certFile) var certFile: String?
    @Option(.keyFile) var keyFile: String?
    @Option(.certDir) var certDir: String?
    @Option(.adminAddress) var adminAddress: String?
    @Option(.logLevel) var logLevel: String?
    @Option(.logFormat) var logFormat: String?
    @Option(.maxConnections) var maxConnections: String?
    @Option(.maxConnectionsPerRoute) var maxConnectionsPerRoute: String?
    @Option(.maxConnectionsPerAddress) var maxConnectionsPerAddress: String?
    @Option(.maxStartups) var maxStartups: String?
    @Option(.maxStartupsPerAddress) var maxStartupsPerAddress: String?
    @Option(.maxHandshakes) var maxHandshakes: String?
    @Option(.maxUnauthenticatedPerRoute) var maxUnauthenticatedPerRoute: String?
    @Option(.maxUnauthenticatedPerAddress) var maxUnauthenticatedPerAddress: String?
    @Option(.maxAuthenticationFailures) var maxAuthenticationFailures: String?
    @Option(.handshakeTimeout) var handshakeTimeout: String?
    @Option(.authenticationTimeout) var authenticationTimeout: String?
    @Option(.connectTimeout) var connectTimeout: String?
    @Option(.idleTimeout) var idleTimeout: String?
    @Option(.drainTimeout) var drainTimeout: String?
    @Option(.routeCloseGrace) var routeCloseGrace: String?

    private func value(of variable: GatewayVariable) -> String? {
        switch variable {
        case .enabled: enabled.map(String.init)
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

    /// The flags, then the environment.
    func configurationReader() -> ConfigReader {
        ConfigReader(flags: value)
    }
}

/// The option for commands that query a running gateway.
struct AdminOptions: ParsableArguments {
    @Option(.adminAddress) var adminAddress: String?

    /// The flag, then the environment.
    func configurationReader() -> ConfigReader {
        ConfigReader { $0 == .adminAddress ? adminAddress : nil }
    }
}

extension ConfigReader {
    /// The command line, then the environment.
    fileprivate init(flags: (GatewayVariable) -> String?) {
        var given: [AbsoluteConfigKey: ConfigValue] = [:]
        for variable in GatewayVariable.allCases {
            guard let value = flags(variable) else { continue }
            let key = AbsoluteConfigKey(ConfigKey(variable.configurationKey))
            given[key] = ConfigValue(.string(value), isSecret: false)
        }
        self.init(providers: [InMemoryProvider(name: "flags", values: given), EnvironmentVariablesProvider()])
    }
}

extension Option where Value == String? {
    /// The flag of a setting, with what the table says of it.
    fileprivate init(_ variable: GatewayVariable) {
        self.init(name: .customLong(variable.option), help: .of(variable))
    }
}

extension ArgumentHelp {
    fileprivate static func of(_ variable: GatewayVariable) -> ArgumentHelp {
        let setting = GatewaySettings.setting(variable)
        return ArgumentHelp("\(setting.help) (\(setting.values); default: \(setting.defaultText))")
    }
}
