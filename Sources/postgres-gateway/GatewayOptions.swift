import ArgumentParser
import Configuration
import GatewayContract
import PostgresGateway

/// The command-line form of ``GatewayVariable``s. Texts: they are checked in one place, with those
/// of the environment.
struct GatewayOptions: ParsableArguments {
    private typealias Defaults = GatewayConfiguration.Defaults

    @Flag(inversion: .prefixedNo, help: "Run at all; without it the gateway says so and exits 0.")
    var enabled: Bool?

    @Option(help: "Port to listen on. (default: \(Defaults.port))")
    var port: String?

    @Option(help: "IP addresses to listen on, separated by commas. (default: all, IPv6 and IPv4)")
    var listenAddress: String?

    @Option(help: "Route map file, JSON. Required.")
    var routeFile: String?

    @Option(help: "Certificate chain, PEM, leaf first. Required unless --cert-dir is given.")
    var certFile: String?

    @Option(help: "Private key of --cert-file, PEM, not encrypted.")
    var keyFile: String?

    @Option(help: "Directory of <name>.crt and <name>.key pairs, chosen by server name.")
    var certDir: String?

    @Option(help: "Where /healthz and /readyz are, IP:PORT. (default: \(Defaults.adminAddress))")
    var adminAddress: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical. (default: info)")
    var logLevel: String?

    @Option(help: "json (one object a line on standard error) or text. (default: json)")
    var logFormat: String?

    @Option(help: "Connections open at a time; those beyond are refused. (default: \(Defaults.maxConnections))")
    var maxConnections: String?

    @Option(
        help:
            "Start-ups in progress at a time; beyond, accepting waits. (default: \(Defaults.maxHandshakes), 64 per core)"
    )
    var maxHandshakes: String?

    @Option(help: "From accept to a complete first packet. (default: \(Defaults.handshakeTimeout.settingText))")
    var handshakeTimeout: String?

    @Option(help: "For connecting to a branch. (default: \(Defaults.connectTimeout.settingText))")
    var connectTimeout: String?

    @Option(help: "How long sessions may go on after SIGTERM. (default: \(Defaults.drainTimeout.settingText))")
    var drainTimeout: String?

    private var values: [GatewayVariable: String?] {
        [
            .enabled: enabled.map { $0 ? "true" : "false" },
            .port: port, .listenAddress: listenAddress, .routeFile: routeFile,
            .certFile: certFile, .keyFile: keyFile, .certDir: certDir,
            .adminAddress: adminAddress, .logLevel: logLevel, .logFormat: logFormat,
            .maxConnections: maxConnections, .maxHandshakes: maxHandshakes,
            .handshakeTimeout: handshakeTimeout, .connectTimeout: connectTimeout, .drainTimeout: drainTimeout,
        ]
    }

    /// The flags, then the environment.
    func configurationReader() -> ConfigReader {
        var given: [AbsoluteConfigKey: ConfigValue] = [:]
        for (variable, value) in values {
            if let value { given[variable.absoluteKey] = ConfigValue(.string(value), isSecret: false) }
        }
        return ConfigReader(providers: [
            InMemoryProvider(name: "flags", values: given), EnvironmentVariablesProvider(),
        ])
    }
}

/// The one option of who asks a gateway that runs.
struct AdminOptions: ParsableArguments {
    @Option(
        help:
            "Where the gateway's /healthz and /readyz are, IP:PORT. (default: \(GatewayConfiguration.Defaults.adminAddress))"
    )
    var adminAddress: String?

    /// The flag, then the environment.
    func configurationReader() -> ConfigReader {
        var given: [AbsoluteConfigKey: ConfigValue] = [:]
        if let adminAddress {
            given[GatewayVariable.adminAddress.absoluteKey] = ConfigValue(.string(adminAddress), isSecret: false)
        }
        return ConfigReader(providers: [
            InMemoryProvider(name: "flags", values: given), EnvironmentVariablesProvider(),
        ])
    }
}

extension GatewayVariable {
    fileprivate var absoluteKey: AbsoluteConfigKey { AbsoluteConfigKey(ConfigKey(configurationKey)) }
}
