import ArgumentParser
import Configuration
import Logging
import PostgresGateway
import RouteMap
import ServiceLifecycle
import UnixSignals

/// `postgres-gateway run`
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Listen, and relay each connection to the branch its hostname names.",
        discussion: """
            Every option is also an environment variable, FROST_POSTGRES_GATEWAY_ and the option's \
            name in capitals; the option wins. SIGTERM stops: open sessions may go on for the \
            drain timeout. SIGHUP reads the route map again.

            Exit codes: 0 stopped or disabled, 78 a setting cannot be used, 98 the port is in use, \
            1 anything else.
            """
    )

    @OptionGroup var options: GatewayOptions

    func run() async throws {
        let reader = options.configurationReader()
        do {
            guard try GatewayConfiguration.isEnabled(in: reader) else {
                Complaint.print(
                    "disabled; set \(GatewayVariable.enabled.environmentName)=true or give \(GatewayVariable.enabled.flag)"
                )
                return
            }
            try await serve(GatewayConfiguration(reader: reader))
        } catch let error as ConfigurationError {
            Complaint.print("\(error)")
            throw ExitCode(GatewayExitCode.configuration)
        } catch let error as GatewayServer.ListenError {
            Complaint.print("\(error)")
            switch error {
            case .portInUse: throw ExitCode(GatewayExitCode.portInUse)
            case .unavailable: throw ExitCode(GatewayExitCode.configuration)
            case .other: throw ExitCode.failure
            }
        }
    }

    private func serve(_ configuration: GatewayConfiguration) async throws {
        let handler = StderrLogHandler(level: configuration.logLevel, format: configuration.logFormat)
        let logger = Logger(label: "postgres-gateway") { _ in handler }
        let certificates = try CertificateStore.load(configuration.certificates)
        let state = GatewayState(
            configuration: configuration,
            certificates: certificates,
            routes: .empty,
            logger: logger
        )
        let routes = RouteFileService(
            state: state,
            logger: logger,
            path: configuration.routeFile,
            reloads: await UnixSignalsSequence(trapping: .sighup)
        )
        routes.load()
        let server = try await GatewayServer.start(state)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: routes), .init(service: GatewayService(server: server, logger: logger)),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "services") { _ in
                    StderrLogHandler(level: .error, format: configuration.logFormat)
                }
            )
        )
        try await group.run()
    }
}
