import ArgumentParser
import CVersion

@main
struct FrostCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "frost",
        abstract: "PostgreSQL branches of this host, each a server of its own, reached by hostname.",
        discussion: """
            State is in --data-dir (FROST_DATA_DIR). Commands work with and without `frost up`; \
            the gateway follows them within a second.

            Exit codes: 0 done, 1 the server or the runtime could not do it, 64 a name or option \
            cannot be used, 66 not found, 73 there is one already, 74 the store cannot be used, \
            75 busy, 77 not allowed.
            """,
        version: "frost \(String(cString: frost_version())) (sources \(String(cString: frost_sources()).prefix(12)))",
        subcommands: [
            Up.self, ProjectCommand.self, DatabaseCommand.self, BranchCommand.self, SettingsCommand.self,
            TokenCommand.self, Recover.self,
            Sync.self,
        ]
    )
}
