import ArgumentParser
import Foundation
import GatewayContract
import NIOCore
import PostgresGateway

/// `postgres-gateway health`
struct Health: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask the running gateway whether it can serve clients; exit 0 or 1.",
        discussion: """
            Queries /readyz at the admin address and exits 0 if the gateway is listening and has a valid \
            route map and certificate. With --live, queries /healthz and exits 0 if its event loops \
            respond. Exits 78 if the admin address is invalid.
            """
    )

    /// Longer than the gateway takes to find out that a loop is stuck.
    private static let limit = TimeAmount.seconds(5)

    @OptionGroup var options: AdminOptions

    @Flag(help: "Check whether it is alive rather than ready.")
    var live = false

    func run() async throws {
        try await ErrorOutput.exiting {
            let address = try GatewayConfiguration.adminAddress(in: options.configurationReader())
            let path = live ? AdminPath.liveness : .readiness
            let response: AdminClient.Response
            do {
                response = try await AdminClient.get(path, from: address, within: Self.limit)
            } catch {
                ErrorOutput.print(
                    "no gateway responds on \(address): \(error); "
                        + "check that it is running and uses the same \(GatewayVariable.adminAddress.environmentName)"
                )
                throw ExitCode.failure
            }
            print(response.body, terminator: response.body.hasSuffix("\n") ? "" : "\n")
            if response.status != 200 { throw ExitCode.failure }
        }
    }
}
