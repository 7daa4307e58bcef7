import ArgumentParser
import Configuration
import Foundation
import PostgresGateway
import RouteMap

/// `postgres-gateway check`
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check settings, certificates and route map without listening.",
        discussion: """
            Takes the same options and variables as run. What would keep the gateway from starting, \
            or from serving what the route map says, is told and exits 78. What it starts with and \
            warns of (a certificate out of date, a route map that is not there yet) is told and \
            exits 0, or 78 with --strict.
            """
    )

    @OptionGroup var options: GatewayOptions

    @Flag(help: "Warnings are faults.")
    var strict = false

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
                let count = try RouteMapFile.load(path: configuration.routeFile).count
                routes = "\(count) \(count == 1 ? "route" : "routes")"
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
