import ArgumentParser
import BranchManager

/// `frost database`
struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database",
        abstract: "A database with its branches; the first is main.",
        subcommands: [Create.self, List.self, Delete.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a database with its branch main, and start it.")
        @OptionGroup var options: FrostOptions
        @Argument(help: "Lowercase letters, digits and hyphens; also the name of the PostgreSQL database.") var name:
            String
        @Option(help: "Its project, by name or id.") var project: String
        @Option(help: "Where its servers run: local, or docker (image: FROST_POSTGRES_IMAGE).") var runtime =
            RuntimeKind.local

        func run() async throws {
            try await Complaint.exiting {
                let context = try await FrostContext.open(options)
                let project = try context.store.project(project)
                let main = try await context.progress.during("creating \(name)/\(BranchName.main)") {
                    try await context.manager.createDatabase(name, in: project, runtime: runtime)
                }
                try ShownBranch.show(main, "created", json: options.json)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All databases.")
        @OptionGroup var options: FrostOptions
        @Option(help: "Only of this project, by name or id.") var project: String?

        private struct Shown: Encodable {
            var id: String
            var name: String
            var project: String
            var branches: Int
        }

        func run() async throws {
            try await Complaint.exiting {
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

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a database, all its branches and their data.")
        @OptionGroup var options: FrostOptions
        @Argument(help: "Name or id.") var name: String
        @Option(help: "Its project, where several have one of this name.") var project: String?
        @Flag(
            help: "Forget branches that cannot be reached, as those of a Docker engine that is gone; says what is left."
        )
        var force = false

        func run() async throws {
            try await Complaint.exiting {
                let context = try await FrostContext.open(options)
                let database = try context.store.database(name, project: project)
                try await context.progress.during("deleting \(database.name)") {
                    if force {
                        for left in try await context.manager.forgetDatabase(database) { Complaint.print(left) }
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
