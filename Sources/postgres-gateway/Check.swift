import ArgumentParser
import Configuration
import Foundation
import GatewayContract
import PostgresGateway
import RouteMap

/// `postgres-gateway check`
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check settings, certificates and route map without listening.",
        discussion: """
            Takes the same options and variables as run. What would keep the gateway from starting, \
            or from serving what the route map says, is told and exits 78. What it starts with and \
            warns of (a certificate out of date, a route map that is not there yet, is no longer \
            confirmed, or has routes of different branches to one address) is told and exits 0, \
            or 78 with --strict.
            """
    )

    @OptionGroup var options: GatewayOptions

    @Flag(help: "Warnings are faults.")
    var strict = false

    /// What the gateway would refuse though the route map can be read.
    private static func warnings(of table: RouteTable) -> [String] {
        let now = GatewayClock.system.now
        let period = table.confirmation.map { ConfirmationPeriod($0, readAt: now) }
        let findings = [
            period.flatMap { $0.isOver(at: now) ? Readiness.Finding.unconfirmed($0) : nil },
            Readiness.Finding(table.conflicts),
        ]
        return findings.compactMap { $0?.message }
    }

    func run() async throws {
        try await Complaint.exiting {
            let reader = options.configurationReader()
            let configuration = try GatewayConfiguration(reader: reader)
            let certificates = try CertificateStore(configuration.certificates)
            if let fault = certificates.faults.first { throw fault }
            var warnings = certificates.current.pairs.compactMap { Readiness.Finding($0, at: .now)?.message }
            let pairs = certificates.current.pairs.count
            var routes = "no routes yet"
            do throws(RouteMapError) {
                let table = try RouteMapFile.load(path: configuration.routeFile)
                routes = "\(table.count) \(table.count == 1 ? "route" : "routes")"
                warnings += Self.warnings(of: table)
            } catch {
                guard error.isMissingFile else {
                    throw ConfigurationError("the route map \(configuration.routeFile): \(error)")
                }
                warnings.append(
                    "the route map \(configuration.routeFile) does not exist yet; the gateway starts and is not ready"
                )
            }
            for warning in warnings { Complaint.print("warning: \(warning)") }
            if strict, !warnings.isEmpty { throw ExitCode(GatewayExitCode.configuration) }
            let isEnabled = try GatewayConfiguration.isEnabled(in: reader)
            print(
                "ok: \(isEnabled ? "" : "disabled, ")port \(configuration.port), "
                    + "\(pairs) \(pairs == 1 ? "certificate" : "certificates"), \(routes)"
            )
        }
    }
}
