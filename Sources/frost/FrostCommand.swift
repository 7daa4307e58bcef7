import ArgumentParser
import CVersion

@main
struct FrostCommand: AsyncParsableCommand {
    static let versionText =
        "frost \(String(cString: frost_version())) (sources \(String(cString: frost_sources()).prefix(12)))"

    static let configuration = CommandConfiguration(
        commandName: "frost",
        abstract: "PostgreSQL branches of this host, each a server of its own, reached by hostname.",
        discussion: """
            A branch is named dev where there is one database, and shop/dev or project/shop/dev where there are more.

            State is in --data-dir (FROST_DATA_DIR). Commands work with and without `frost up`; the gateway follows \
            them within a second.

            Exit codes: 0 done, 1 the server or the runtime could not do it, 64 a name or option cannot be used, 66 not \
            found, 73 there is one already, 74 the store cannot be used, 75 busy, 77 not allowed, 130 cancelled. With --json, an error \
            is JSON on standard error.

            EXAMPLES
              frost up
              frost branch create feature-1
              frost psql feature-1
            """,
        version: versionText,
        subcommands: [VersionCommand.self],
        groupedSubcommands: [
            CommandGroup(
                name: "Branches",
                subcommands: [
                    PsqlCommand.self, BranchCommand.self, BranchCommand.List.self, StartCommand.self, StopCommand.self,
                    DatabaseCommand.self,
                    ProjectCommand.self,
                ]
            ),
            CommandGroup(
                name: "This host",
                subcommands: [
                    Up.self, StatusCommand.self, SettingsCommand.self, CACommand.self, TokenCommand.self, Recover.self,
                    SyncCommand.self,
                ]
            ),
        ]
    )

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            CommandLineFault.end(error)
        }
    }
}

/// `frost version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    func run() { print(FrostCommand.versionText) }
}
