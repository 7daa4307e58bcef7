import ArgumentParser
import BranchManager
import Foundation

/// `frost branch alias`
struct AliasCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alias",
        abstract: "Former hostnames that still work.",
        subcommands: [List.self, Remove.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List former hostnames by expiry.")
        @OptionGroup(title: "Global options") var options: FrostOptions

        private struct Shown: Encodable {
            var hostname: String
            var targetId: String
            var branch: String
            var endsAt: Date
        }

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let shown = try FrostContext.store(options).branches()
                    .flatMap { branch in
                        branch.aliases.filter { $0.endsAt > .now }.map {
                            Shown(
                                hostname: $0.hostname,
                                targetId: branch.target.id,
                                branch: branch.displayName,
                                endsAt: $0.endsAt
                            )
                        }
                    }
                    .sorted { ($0.endsAt, $0.hostname) < ($1.endsAt, $1.hostname) }
                if options.json { return try Output.json(shown) }
                Output.table(
                    ["HOSTNAME", "BRANCH", "ENDS"],
                    shown.map { [$0.hostname, $0.branch, $0.endsAt.formatted(.iso8601)] }
                )
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a former hostname now; open sessions continue."
        )
        @OptionGroup(title: "Global options") var options: FrostOptions
        @Argument(help: "The former hostname.") var hostname: String

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let context = try await FrostContext.open(options)
                try await context.manager.endAlias(hostname.lowercased())
                if !options.json { print("\(hostname.lowercased()) removed") }
            }
        }
    }
}
