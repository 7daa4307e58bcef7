import ArgumentParser
import BranchManager

/// `frost database`
struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database",
        abstract: "Manage databases and their branches; the first branch is main.",
        subcommands: [Create.self, Import.self, List.self, Password.self, Delete.self],
        aliases: ["databases"]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a database with its branch main, and start it."
        )
        @OptionGroup(title: "Global options") var options: FrostOptions
        @Argument(help: "Lowercase letters, digits and hyphens; also the name of the PostgreSQL database.") var name:
            String
        @Option(help: "Its project (name or id).") var project: String
        @Option(help: "How its servers run: local, or docker (image: FROST_POSTGRES_IMAGE).") var runtime =
            RuntimeKind.local
        @Option(
            help:
                "PostgreSQL's major version, such as 15. (default: the newest on this host; for containers, the image's)"
        )
        var postgresVersion: Int?
        @Flag(help: "Show the password in the connection string.") var showPassword = false

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let context = try await FrostContext.open(options)
                let project = try context.store.project(project)
                let began = ContinuousClock.now
                let main = try await context.progress.during("creating \(name)/\(BranchName.main)") {
                    try await context.finishRecovery(
                        context.manager.createDatabase(
                            name,
                            in: project,
                            runtime: runtime,
                            postgresVersion: postgresVersion
                        )
                    )
                }
                try await MadeBranch(main, source: nil, took: .now - began).show(context, showsPassword: showPassword)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List databases.")
        @OptionGroup(title: "Global options") var options: FrostOptions
        @Option(help: "Only databases of this project (name or id).") var project: String?

        private struct Shown: Encodable {
            var id: String
            var name: String
            var project: String
            var branches: Int
        }

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let store = try FrostContext.store(options)
                let projects = try store.projects()
                let databases = try store.databases(of: project.map { try store.project($0).id })
                let shown = try databases.map { database in
                    Shown(
                        id: database.id,
                        name: database.name,
                        project: projects.first { $0.id == database.projectId }?.name ?? "",
                        branches: try store.branches(of: database.id).count
                    )
                }
                if options.json {
                    try Output.json(shown)
                } else {
                    Output.table(
                        ["PROJECT", "DATABASE", "BRANCHES", "ID"],
                        shown.map { [$0.project, $0.name, String($0.branches), $0.id] }
                    )
                }
            }
        }
    }

    struct Password: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the password of a database's branches, or change it.",
            discussion: """
                With --rotate, running branches get the new password at once, and stopped ones at their next start, \
                before clients can connect. Open sessions continue.
                """
        )
        @OptionGroup(title: "Global options") var options: FrostOptions
        @Argument(help: "Name or id.") var name: String
        @Option(help: "Its project, if several have a database of this name.") var project: String?
        @Flag(help: "Set a new password.") var rotate = false

        private struct Shown: Encodable {
            struct Branch: Encodable {
                var name: String
                var passwordState: String
            }
            var username: String
            var password: String
            var branches: [Branch]
        }

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let branches: [BranchDetails]
                let store: BranchStore
                if rotate {
                    let context = try await FrostContext.open(options)
                    store = context.store
                    let database = try store.database(name, project: project)
                    branches = try await context.progress.during("changing the password of \(database.name)") {
                        try await context.manager.rotatePassword(of: database)
                    }
                } else {
                    store = try FrostContext.store(options)
                    let database = try store.database(name, project: project)
                    for branch in try store.branches(of: database.id) where branch.target.lifecycleStatus == .active {
                        _ = try? await FrostContext.checkPassword(branch, options, store)
                    }
                    branches = try store.branches(of: database.id)
                }
                let database = try store.database(name, project: project)
                if options.json {
                    let shown = branches.map {
                        Shown.Branch(name: $0.target.name, passwordState: $0.target.passwordState.rawValue)
                    }
                    try Output.json(Shown(username: database.username, password: database.password, branches: shown))
                } else {
                    print(database.password)
                }
                for branch in branches {
                    if let warning = branch.target.passwordWarning(options.hint) {
                        ErrorOutput.print("note: \(branch.displayName): \(warning)")
                    }
                }
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a database, all its branches and their data.")
        @OptionGroup(title: "Global options") var options: FrostOptions
        @Argument(help: "Name or id.") var name: String
        @Option(help: "Its project, if several have a database of this name.") var project: String?
        @Flag(
            help: "Forget branches whose runtime is gone, such as a removed Docker engine; prints what is left."
        )
        var force = false

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let context = try await FrostContext.open(options)
                let database = try context.store.database(name, project: project)
                try await context.progress.during("deleting \(database.name)") {
                    if force {
                        for left in try await context.manager.forgetDatabase(database) { ErrorOutput.print(left) }
                    } else {
                        try await context.manager.deleteDatabase(database)
                    }
                }
                if !options.json { print("\(database.name) deleted") }
            }
        }
    }
}

extension RuntimeKind: ExpressibleByArgument {}
