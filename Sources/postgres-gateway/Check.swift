import ArgumentParser
import Configuration
import Foundation
import GatewayContract
import PostgresGateway
import RouteMap

/// `postgres-gateway check`
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check settings, certificates and route map without listening on a port.",
        discussion: """
            Takes the same options and variables as run. Reports an error and exits 78 if the gateway \
            could not start or could not use the route map. Reports a warning and exits 0, or 78 with \
            --strict, for: an unknown variable; a setting that does not fit the host; a certificate that \
            is out of date or not for its file's name; hostnames that no certificate covers; a route map \
            that is missing, no longer confirmed, or routes different branches to one address.
            """
    )

    @OptionGroup var options: GatewayOptions

    @Flag(help: "Treat warnings as errors.")
    var strict = false

    func run() async throws {
        try await ErrorOutput.exiting {
            let reader = options.configurationReader()
            let configuration = try GatewayConfiguration(reader: reader)
            let certificates = try CertificateStore(configuration.certificates)
            if let fault = certificates.faults.first { throw fault }
            let table = try loadRoutes(configuration)
            let isEnabled = configuration.isEnabled
            let warnings =
                settingWarnings(configuration) + certificateWarnings(certificates)
                + routeWarnings(table, of: configuration, certificates: certificates.current)
            for warning in warnings { ErrorOutput.print("warning: \(warning)") }
            if strict, !warnings.isEmpty { throw ExitCode(GatewayExitCode.configuration) }
            let pairs = certificates.current.pairs.count
            let routes = table.map { "\($0.count) \($0.count == 1 ? "route" : "routes")" } ?? "no routes yet"
            print(
                "ok: \(isEnabled ? "" : "disabled, ")port \(configuration.port), "
                    + "\(pairs) \(pairs == 1 ? "certificate" : "certificates"), \(routes)"
            )
        }
    }

    /// - Returns: nil for a file that is not there yet.
    private func loadRoutes(_ configuration: GatewayConfiguration) throws(ConfigurationError) -> RouteTable? {
        do throws(RouteMapError) {
            return try RouteMapFile.load(path: configuration.routeFile)
        } catch {
            guard error.isMissingFile else {
                throw ConfigurationError(.routeFile, "names an invalid route map, \(configuration.routeFile): \(error)")
            }
            return nil
        }
    }

    /// Settings that are misspelt, or do not fit the host.
    private func settingWarnings(_ configuration: GatewayConfiguration) -> [String] {
        let unknown = UnknownVariable.all(in: ProcessInfo.processInfo.environment.keys).map(\.description)
        var fitted = configuration
        let limit = FileDescriptorLimit.raise()
        let fit = fitted.fitMaxConnections(toDescriptors: limit)
        // The service may be allowed more files than this shell, and a default that is lowered does no harm.
        let descriptors =
            configuration.isMaxConnectionsGiven
            ? fit.message(connections: configuration.maxConnections, limit: limit) : nil
        return unknown + [descriptors].compactMap { $0 }
    }

    private func certificateWarnings(_ certificates: CertificateStore) -> [String] {
        Readiness.Finding.certificates(certificates.current, at: .now).map(\.message)
    }

    /// What the gateway would refuse though the route map can be read, and what clients would.
    private func routeWarnings(
        _ table: RouteTable?,
        of configuration: GatewayConfiguration,
        certificates: CertificateTable
    ) -> [String] {
        guard let table else {
            return [
                "the route map \(configuration.routeFile) does not exist yet; the gateway will start, but not be ready"
            ]
        }
        let now = GatewayClock.system.now
        let period = table.confirmation.map { ConfirmationPeriod($0, readAt: now) }
        let findings = [
            period.flatMap { $0.isOver(at: now) ? Readiness.Finding.unconfirmed($0) : nil },
            Readiness.Finding(table.conflicts),
            Readiness.Finding(certificates.uncovered(in: table)),
        ]
        return findings.compactMap { $0?.message }
    }
}
