import Configuration
import GatewayContract
import GatewayCore
import Logging
import NIOCore
import PostgresGateway
import Testing

@Suite struct GatewayConfigurationTests {
    private static let required: [GatewayVariable: String] = [
        .routeFile: "/routes.json", .certFile: "/server.crt", .keyFile: "/server.key",
    ]

    private func configuration(_ values: [GatewayVariable: String]) throws -> GatewayConfiguration {
        try GatewayConfiguration(reader: reader(values))
    }

    private func reader(_ values: [GatewayVariable: String]) -> ConfigReader {
        let environment = Dictionary(uniqueKeysWithValues: values.map { ($0.key.environmentName, $0.value) })
        return ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: environment))
    }

    @Test("Names of variables and flags are those of the design")
    func names() {
        #expect(GatewayVariable.listenAddress.environmentName == "FROST_POSTGRES_GATEWAY_LISTEN_ADDRESS")
        #expect(GatewayVariable.listenAddress.flag == "--listen-address")
    }

    @Test("Defaults are those of the design")
    func defaults() throws {
        let configuration = try configuration(Self.required)
        #expect(!configuration.isEnabled)
        #expect(configuration.port == 5_432)
        #expect(configuration.listenAddresses.isEmpty)
        #expect(configuration.logLevel == .info)
        #expect(configuration.logFormat == .json)
        #expect(configuration.maxConnections == 10_000)
        #expect(!configuration.isMaxConnectionsGiven)
        #expect(configuration.maxConnectionsPerRoute == 0)
        #expect(configuration.maxConnectionsPerAddress == 0)
        #expect(configuration.maxStartups == 4_096)
        #expect(configuration.maxStartupsPerAddress == 512)
        #expect(configuration.maxHandshakes == 1_024)
        #expect(configuration.maxUnauthenticatedPerRoute == 64)
        #expect(configuration.maxUnauthenticatedPerAddress == 32)
        #expect(configuration.maxAuthenticationFailures == 30)
        #expect(configuration.handshakeTimeout == .seconds(10))
        #expect(configuration.authenticationTimeout == .seconds(60))
        #expect(configuration.connectTimeout == .seconds(5))
        #expect(configuration.idleTimeout == .zero)
        #expect(configuration.drainTimeout == .seconds(30))
        #expect(configuration.routeCloseGrace == .seconds(5))
        #expect(configuration.certificates == .pair(certFile: "/server.crt", keyFile: "/server.key"))
    }

    @Test("Every variable is read")
    func values() throws {
        let configuration = try configuration([
            .enabled: "TRUE", .port: "6432", .listenAddress: "127.0.0.1, ::1", .routeFile: "/r", .certDir: "/certs",
            .adminAddress: "[::1]:1", .logLevel: "Debug", .logFormat: "text", .maxConnections: "5",
            .maxConnectionsPerRoute: "0", .maxConnectionsPerAddress: "8", .maxStartups: "9",
            .maxStartupsPerAddress: "10", .maxHandshakes: "6", .maxUnauthenticatedPerRoute: "11",
            .maxUnauthenticatedPerAddress: "12", .maxAuthenticationFailures: "0", .handshakeTimeout: "1500ms",
            .authenticationTimeout: "1m", .connectTimeout: "2", .idleTimeout: "168h", .drainTimeout: "0s",
            .routeCloseGrace: "3s",
        ])
        #expect(configuration.isEnabled)
        #expect(configuration.port == 6_432)
        #expect(configuration.listenAddresses == ["127.0.0.1", "::1"])
        #expect(configuration.routeFile == "/r")
        #expect(configuration.certificates == .directory("/certs", fallback: nil))
        #expect(configuration.adminAddress == AdminAddress("[::1]:1"))
        #expect(configuration.logLevel == .debug)
        #expect(configuration.logFormat == .text)
        #expect(configuration.maxConnections == 5)
        #expect(configuration.isMaxConnectionsGiven)
        #expect(configuration.maxConnectionsPerRoute == 0)
        #expect(configuration.maxConnectionsPerAddress == 8)
        #expect(configuration.maxStartups == 9)
        #expect(configuration.maxStartupsPerAddress == 10)
        #expect(configuration.maxHandshakes == 6)
        #expect(configuration.maxUnauthenticatedPerRoute == 11)
        #expect(configuration.maxUnauthenticatedPerAddress == 12)
        #expect(configuration.maxAuthenticationFailures == 0)
        #expect(configuration.handshakeTimeout == .milliseconds(1_500))
        #expect(configuration.authenticationTimeout == .minutes(1))
        #expect(configuration.connectTimeout == .seconds(2))
        #expect(configuration.idleTimeout == .hours(168))
        #expect(configuration.drainTimeout == .zero)
        #expect(configuration.routeCloseGrace == .seconds(3))
    }

    @Test(
        "A bad value names its variable and its flag",
        arguments: [
            (.enabled, "maybe"), (.port, "postgres"), (.port, "-1"), (.port, "65536"), (.port, "5432 "),
            (.listenAddress, "localhost"), (.listenAddress, "127.0.0.1,,::1"), (.logLevel, "loud"),
            (.adminAddress, "9432"), (.adminAddress, "localhost:9432"), (.logFormat, "xml"), (.maxConnections, "0"),
            (.maxConnections, "1e3"), (.maxHandshakes, "-5"),
            (.handshakeTimeout, "0"), (.handshakeTimeout, "10 s"), (.handshakeTimeout, "-1s"),
            (.connectTimeout, "99999999999999999999s"), (.connectTimeout, "8d"), (.drainTimeout, "1y"),
            (.drainTimeout, "169h"), (.idleTimeout, "169h"), (.routeCloseGrace, "-1s"), (.authenticationTimeout, "0"),
            (.maxStartups, "0"), (.maxConnectionsPerRoute, "-1"), (.maxAuthenticationFailures, "10000001"),
            (.connectTimeout, "\u{1}"),
        ] as [(GatewayVariable, String)]
    )
    func badValues(variable: GatewayVariable, value: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try configuration(Self.required.merging([variable: value]) { _, new in new })
        }
        #expect(error?.description.contains(variable.environmentName) == true)
        #expect(error?.description.contains(variable.flag) == true)
        #expect(error?.description.contains(DisplayName.escape(value)) == true || variable == .listenAddress)
    }

    @Test("What is required and missing is named; an empty value is a missing one")
    func missing() {
        for variable in [GatewayVariable.routeFile, .certFile, .keyFile] {
            for value in [nil, ""] {
                var values = Self.required
                values[variable] = value
                let error = #expect(throws: ConfigurationError.self) { try configuration(values) }
                #expect(error?.description.contains(variable.environmentName) == true)
            }
        }
    }

    @Test("Every level and format of logs in the table is one of the program's")
    func choices() throws {
        for level in GatewaySettings.logLevel.choices {
            #expect(try configuration(Self.required.merging([.logLevel: level]) { $1 }).logLevel.rawValue == level)
        }
        #expect(GatewaySettings.logLevel.choices == Logger.Level.allCases.map(\.rawValue))
        #expect(GatewaySettings.logFormat.choices == GatewayConfiguration.LogFormat.allCases.map(\.rawValue))
        #expect(
            GatewaySettings.adminAddress.defaultValueText
                == GatewayConfiguration(
                    routeFile: "",
                    certificates: .directory("", fallback: nil)
                ).adminAddress.description
        )
    }

    @Test("Logs are for people where standard error is a terminal, unless a setting says otherwise")
    func terminal() throws {
        for (format, expected) in [(nil, .text), ("json", .json)] as [(String?, GatewayConfiguration.LogFormat)] {
            var values = Self.required
            values[.logFormat] = format
            #expect(try GatewayConfiguration(reader: reader(values), isTerminal: true).logFormat == expected)
        }
    }

    @Test("Whether it is enabled can be asked alone")
    func enabled() throws {
        #expect(try !GatewayConfiguration.isEnabled(in: reader([:])))
        #expect(try GatewayConfiguration.isEnabled(in: reader([.enabled: "on"])))
        #expect(throws: ConfigurationError.self) { try GatewayConfiguration.isEnabled(in: reader([.enabled: "2"])) }
    }
}
