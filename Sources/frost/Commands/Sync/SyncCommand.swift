import ArgumentParser
import RouteSync

/// `frost sync`
struct SyncCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Write the route map of an installed Frost, and follow its changes.",
        discussion: """
            Reads Frost's SQLite database and never writes to it. Runs until Ctrl-C. The gateway trusts the map for \
            five minutes after sync has ended. While Frost is stopped, reading a database in WAL mode requires write \
            access to its directory: SQLite creates its -wal and -shm files there.

            Exits with 75 if another frost sync writes the same route map. All options: frost help sync follow.

            EXAMPLES
              frost sync --frost-db /opt/frost/data/frost.db --route-file routes.json
              frost sync check --frost-db /opt/frost/data/frost.db --route-file routes.json
            """,
        subcommands: [Follow.self, Check.self, Psql.self],
        defaultSubcommand: Follow.self
    )

    /// Options of all subcommands.
    struct Place: ParsableArguments {
        @Option(help: "Frost's database, e.g. /opt/frost/data/frost.db.") var frostDb: String
        @Option(help: "The route map to write; assigned hostnames are stored beside it, in FILE.names.")
        var routeFile: String
    }
}

extension FrostInstallation {
    /// In words.
    func found(in database: String) -> String {
        "found Frost in \(database): last migration \(migration ?? "unknown"), "
            + "\(projects) projects, \(branches) PostgreSQL branches"
    }
}
