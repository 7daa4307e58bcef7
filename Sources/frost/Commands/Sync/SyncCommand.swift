import ArgumentParser
import RouteSync

/// `frost sync`
struct SyncCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Write the route map of a Frost that is installed already, and follow its changes.",
        discussion: """
            Reads Frost's SQLite database and never writes to it. Runs until Ctrl-C. The gateway trusts the map for \
            five minutes after sync has ended. While Frost is stopped, a database in WAL mode can be read only by a \
            user who may write in its directory: SQLite makes its -wal and -shm files there.

            Ends with 75 when another frost sync keeps the same route map. All options: frost help sync follow.

            EXAMPLES
              frost sync --frost-db /opt/frost/data/frost.db --route-file routes.json
              frost sync check --frost-db /opt/frost/data/frost.db --route-file routes.json
            """,
        subcommands: [Follow.self, Check.self, Psql.self],
        defaultSubcommand: Follow.self
    )

    /// What all of them read.
    struct Place: ParsableArguments {
        @Option(help: "Frost's database, e.g. /opt/frost/data/frost.db.") var frostDb: String
        @Option(help: "The route map to write; names that were given are kept beside it, in FILE.names.")
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
