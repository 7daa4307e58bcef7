import ArgumentParser
import Foundation
import GatewayContract
import NIOCore
import PostgresGateway

/// `postgres-gateway health`
struct Health: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask the gateway that runs whether it can serve; exits 0 or 1.",
        discussion: """
            Asks /readyz of the admin address: 0 when the gateway listens, has a good route map and \
            a certificate in date. With --live asks /healthz instead: 0 while its event loops turn. \
            Exits 78 when the address is no address.
            """
    )

    /// Longer than the gateway takes to find out that a loop is stuck.
    private static let limit = TimeAmount.seconds(5)

    @OptionGroup var options: AdminOptions

    @Flag(help: "Whether it is alive, ready or not.")
    var live = false

    func run() async throws {
        try await Complaint.exiting {
            let address = try GatewayConfiguration.adminAddress(in: options.configurationReader())
            let path = live ? AdminPath.liveness : .readiness
            let response: AdminClient.Response
            do {
                response = try await AdminClient.get(path, from: address, within: Self.limit)
            } catch {
                Complaint.print(
                    "no gateway answers on \(address): \(error); "
                        + "is it running, and is \(GatewayVariable.adminAddress.environmentName) the same?"
                )
                throw ExitCode.failure
            }
            print(response.body, terminator: response.body.hasSuffix("\n") ? "" : "\n")
            if response.status != 200 { throw ExitCode.failure }
        }
    }
}
