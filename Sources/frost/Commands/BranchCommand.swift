import ArgumentParser
import BranchManager

/// `frost branch`
struct BranchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "branch",
        abstract: "Manage branches: PostgreSQL servers, each with its own hostname.",
        subcommands: [
            Create.self, List.self, Show.self, URL.self, PsqlCommand.self, Logs.self, History.self, StartCommand.self,
            StopCommand.self, Deploy.self, Reset.self, Cancel.self, Rename.self, TTL.self, Delete.self,
            AliasCommand.self,
        ],
        aliases: ["branches"]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a branch as a copy of another, and start it.",
            discussion: """
                EXAMPLES
                  frost branch create feature-1
                  frost branch create shop/feature-1 --from qa
                  frost branch create pr-123 --ttl 7d
                """
        )
        @Argument(help: "Its name: lowercase letters, digits and hyphens; with a database: shop/feature-1.")
        var name: String
        @Option(help: "The branch to copy.", completion: BranchCompletion.branches) var from: String = BranchName.main
        @Option(
            help:
                "Stop the branch after this time without use, and delete it 7 days later: 1h to 365d, e.g. 7d. (default: never)"
        )
        var ttl: String?
        @Flag(help: "Show the password in the connection string.") var showPassword = false
        @OptionGroup var place: BranchPlace
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let began = ContinuousClock.now
                let ttl = try ttl.map { try BranchTTL($0) }
                let context = try await FrostContext.open(options)
                let new = try place.reference(name)
                let database = try context.store.database(of: new)
                let source = try BranchPlace.source(from, of: database, in: context.store)
                let branch = try await context.progress.during("copying \(source.displayName) to \(new.name)") {
                    try await context.finishRecovery(context.manager.createBranch(new.name, from: source, ttl: ttl))
                }
                try await MadeBranch(branch, source: source, took: .now - began).show(
                    context,
                    showsPassword: showPassword
                )
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List branches.",
            discussion: """
                EXAMPLE
                  frost branch list --database shop
                """,
            aliases: ["ls"]
        )
        @Option(help: "Only branches of this database (name or id).") var database: String?
        @Option(help: "Its project, if several have a database of this name.") var project: String?
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let store = try FrostContext.store(options)
                let databaseID = try database.map { try store.database($0, project: project).id }
                try ShownBranch.show(store.branches(of: databaseID), json: options.json)
            }
        }
    }

    struct Deploy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Restart a branch with the current image and limits.",
            discussion: """
                EXAMPLE
                  frost branch deploy feature-1
                """,
            aliases: ["restart"]
        )
        @OptionGroup var selection: BranchSelection
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await BranchCommand.change(options, selection, "deploying", "deployed") { try await $0.deploy($1) }
        }
    }

    struct Reset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace a branch's data with its source's current data.",
            discussion: """
                EXAMPLE
                  frost branch reset feature-1
                """
        )
        @OptionGroup var selection: BranchSelection
        @Option(help: "The branch to copy. (default: its source)") var from: String?
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await BranchCommand.change(options, selection, "resetting", "reset") { manager, branch in
                let source = try from.map { try BranchPlace.source($0, of: branch.database, in: manager.store) }
                return try await manager.reset(branch, to: source)
            }
        }
    }

    struct Rename: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Rename a branch; its hostname changes, its sessions continue.",
            discussion: """
                EXAMPLE
                  frost branch rename feature-1 feature-2
                """
        )
        @OptionGroup var selection: BranchSelection
        @Argument(help: "Lowercase letters, digits and hyphens.") var newName: String
        @Option(help: "How long the old hostname keeps working: 1m to 90d, e.g. 7d. (default: not at all)")
        var keepHostname: String?
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await BranchCommand.change(options, selection, "renaming", "renamed") {
                try await $0.rename($1, to: newName, keepingHostnameFor: keepHostname.map { try AliasDuration($0) })
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a branch and its data.",
            discussion: """
                EXAMPLE
                  frost branch delete feature-1
                """,
            aliases: ["rm"]
        )
        @OptionGroup var selection: BranchSelection
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await BranchCommand.change(options, selection, "deleting", "deleted") { manager, branch in
                try await manager.delete(branch)
                return nil
            }
        }
    }

    fileprivate static func change(
        _ options: FrostOptions,
        _ selection: BranchSelection,
        _ doing: String,
        _ did: String,
        _ body: @escaping (BranchManager, BranchDetails) async throws -> BranchDetails?
    ) async throws {
        try await ErrorOutput.exiting(options) {
            let context = try await FrostContext.open(options)
            let branch = try selection.find(in: context.store)
            let after = try await context.progress.during("\(doing) \(branch.displayName)") {
                let after = try await body(context.manager, branch)
                return if let after { try await context.finishRecovery(after) } else { after }
            }
            if let after {
                try await ShownBranch.show(after, did, context, json: options.json)
            } else if options.json {
                try Output.json(ShownBranch(branch))
            } else {
                print("\(branch.displayName) \(did)")
            }
        }
    }
}
