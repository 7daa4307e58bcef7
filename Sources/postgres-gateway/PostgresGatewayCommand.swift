import ArgumentParser
import CVersion

@main
struct PostgresGatewayCommand: AsyncParsableCommand {
    static let version = String(cString: frost_version())
    /// With the hash of the sources, by which the gate's report names them too.
    static let line = "postgres-gateway \(version) (sources \(String(cString: gateway_sources()).prefix(12)))"

    static let configuration = CommandConfiguration(
        commandName: "postgres-gateway",
        abstract: "One PostgreSQL port for every branch on a host, chosen by hostname.",
        version: line,
        subcommands: [Run.self, Check.self, Health.self, Version.self]
    )
}

/// `postgres-gateway version`
struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the version.")

    func run() {
        print(PostgresGatewayCommand.line)
    }
}
