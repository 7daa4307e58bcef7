import ArgumentParser
import Configuration
import Foundation
import GatewayContract
import GatewayHardening
import Logging
import PostgresGateway
import ServiceLifecycle
import ServiceNotify
import UnixSignals

/// `postgres-gateway run`
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Listen, and route each connection to the branch named by its hostname.",
        discussion: """
            Each option can also be set as an environment variable: \(GatewayVariable.prefix) and the option's \
            name in capitals. The option takes precedence. SIGTERM stops the gateway: open sessions may \
            continue for the drain timeout, and a second SIGTERM stops it at once. A changed route map \
            takes effect within a second, changed certificates within a few; SIGHUP reloads both at once.

            Exit codes: 0 stopped or disabled, \(GatewayExitCode.configuration) invalid configuration, \
            \(GatewayExitCode.portInUse) port in use, \(GatewayExitCode.listenerLost) a listening socket was lost and \
            could not be reopened, 1 any other error.
            """
    )

    @OptionGroup var options: GatewayOptions

    func run() async throws {
        let reader = options.configurationReader()
        let systemd = SystemdNotifier(environment: ProcessInfo.processInfo.environment)
        defer { LogWriter.standardError.flush() }
        try await ErrorOutput.exiting {
            guard try GatewayConfiguration.isEnabled(in: reader) else {
                ErrorOutput.print(
                    "disabled; set \(GatewayVariable.enabled.environmentName)=true or pass \(GatewayVariable.enabled.flag)"
                )
                // Without it systemd takes the exit for a start that failed.
                systemd?.send(.ready, .status("disabled"))
                return
            }
            let isTerminal = isatty(STDERR_FILENO) == 1
            try await serve(GatewayConfiguration(reader: reader, isTerminal: isTerminal), systemd: systemd)
        }
    }

    /// With as many sessions as the descriptors allow, where no number was asked for.
    private static func fitted(_ given: GatewayConfiguration, logger: Logger) -> GatewayConfiguration {
        var configuration = given
        let limit = FileDescriptorLimit.raise()
        let fit = configuration.fitMaxConnections(toDescriptors: limit)
        if let message = fit.message(connections: given.maxConnections, limit: limit) {
            logger.log(level: given.isMaxConnectionsGiven ? .warning : .info, "\(message)")
        }
        return configuration
    }

    private func serve(_ given: GatewayConfiguration, systemd: SystemdNotifier?) async throws {
        let handler = StderrLogHandler(level: given.logLevel, format: given.logFormat)
        let logger = Logger(label: "postgres-gateway") { _ in handler }
        // First, so that a failed start reports only its reason.
        let store = try CertificateStore(given.certificates)
        let configuration = Self.fitted(given, logger: logger)
        for unknown in UnknownVariable.all(in: ProcessInfo.processInfo.environment.keys) {
            logger.warning("unknown variable", metadata: .init([.error: "\(unknown)"]))
        }
        let server = GatewayServer(
            configuration: configuration,
            certificates: store,
            version: PostgresGatewayCommand.version,
            logger: logger
        )
        // From here on, untrapped, a signal that comes early would end the process.
        let stops = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let reloads = await UnixSignalsSequence(trapping: .sighup)
        let certificates = CertificateReloader(
            server.certificates,
            outcomes: server.metrics.certificateReloads,
            logger: logger
        )
        await certificates.reportFaults()
        await certificates.warn()
        server.routeLoader.reload(isForced: true)
        let admin: AdminServer
        do {
            admin = try await AdminServer.start(for: server)
        } catch {
            try await server.close()
            throw error
        }
        do {
            try await server.listen()
        } catch {
            try await admin.stop()
            throw error
        }
        let status = StatusService(server: server, admin: admin, systemd: systemd)
        // Stopped from last to first, so that the status services outlive the gateway.
        let services: [any Service] = [
            AdminService(admin: admin), status, CertificateService(reloader: certificates),
            RouteFileService(
                path: configuration.routeFile,
                loader: server.routeLoader,
                certificates: certificates,
                signals: reloads,
                status: status,
                eventLoop: admin.eventLoop
            ),
            GatewayService(server: server, admin: admin, version: PostgresGatewayCommand.version, systemd: systemd),
        ]
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0) },
                logger: Logger(label: "services") { _ in
                    StderrLogHandler(level: .error, format: configuration.logFormat)
                }
            )
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                // The first signal stops, the second ends the drain.
                var isStopping = false
                for await signal in stops {
                    logger.info("\(signal) received", metadata: [:])
                    if isStopping { server.stopWaiting() } else { await group.triggerGracefulShutdown() }
                    isStopping = true
                }
            }
            try await group.run()
            tasks.cancelAll()
        }
    }
}
