import ArgumentParser

@main
struct PostgresGatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "postgres-gateway",
        abstract: "One PostgreSQL port for every branch on a host, chosen by hostname.",
        subcommands: [Run.self]
    )
}
