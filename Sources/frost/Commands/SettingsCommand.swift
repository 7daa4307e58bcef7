import ArgumentParser
import BranchManager
import RouteMap
import RouteSync

/// `frost settings`
struct SettingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings",
        abstract: "Show settings, or change them."
    )

    @OptionGroup var options: FrostOptions
    @Option(help: "What hostnames end in: <branch>.pg.<project>.<base>.") var wildcardBase: String?
    @Option(help: "The gateway's port in connection strings.") var gatewayPort: Int?

    private struct Shown: Encodable {
        var wildcardBase: String?
        var gatewayPort: Int
    }

    func run() async throws {
        try await Complaint.exiting {
            let context = try await FrostContext.open(options)
            if let wildcardBase {
                try context.store.setWildcardBase(Hostname(wildcardBase))
                await context.routes.routesChanged()
            }
            if let gatewayPort { try context.store.setGatewayPort(gatewayPort) }
            let shown = Shown(
                wildcardBase: try context.store.wildcardBase()?.name,
                gatewayPort: try context.store.gatewayPort()
            )
            if options.json {
                try Output.json(shown)
            } else {
                Output.table(
                    ["SETTING", "VALUE"],
                    [["wildcard base", shown.wildcardBase ?? "-"], ["gateway port", String(shown.gatewayPort)]]
                )
            }
        }
    }
}

/// `frost recover`
struct Recover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Finish or undo what a crash left half done, and start servers that should run."
    )

    @OptionGroup var options: FrostOptions

    func run() async throws {
        try await Complaint.exiting {
            let context = try await FrostContext.open(options, checksServers: true)
            try ShownBranch.show(context.store.branches(), json: options.json)
        }
    }
}
