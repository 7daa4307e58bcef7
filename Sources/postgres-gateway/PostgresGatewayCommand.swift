import ArgumentParser
import CVersion

@main
struct PostgresGatewayCommand: AsyncParsableCommand {
    static let version = String(cString: frost_version())

    static let configuration = CommandConfiguration(
        commandName: "postgres-gateway",
        abstract: "One PostgreSQL port for every branch on a host, chosen by hostname.",
        version: "postgres-gateway \(version)",
        subcommands: [Run.self, Check.self, Health.self, Version.self]
    )
}

/// `postgres-gateway version`
struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the version.")

    func run() {
        print("postgres-gateway \(PostgresGatewayCommand.version)")
    }
}
