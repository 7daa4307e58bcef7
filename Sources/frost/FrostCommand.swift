import ArgumentParser
import CVersion

@main
struct FrostCommand: AsyncParsableCommand {
    static let versionText =
        "frost \(String(cString: frost_version())) (sources \(String(cString: frost_sources()).prefix(12)))"

    static let configuration = CommandConfiguration(
        commandName: "frost",
        abstract: "Manage PostgreSQL branches on this host: each is a server with its own hostname.",
        discussion: """
            Name a branch dev if there is one database, else shop/dev or project/shop/dev.

            State is in --data-dir (FROST_DATA_DIR). Commands work with and without `frost up`; the gateway follows \
            them within a second.

            Exit codes: 0 success, 1 the server or the runtime failed, 64 invalid name or option, 66 not found, 73 \
            already exists, 74 the store or the route map failed, 75 busy, 77 not allowed, 130 cancelled. With \
            --json, errors are JSON on standard error.

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
