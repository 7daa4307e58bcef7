import ArgumentParser
import BranchManager

/// `frost project`
struct ProjectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "project",
        abstract: "What databases are grouped by; part of their hostnames.",
        subcommands: [Create.self, List.self, Rename.self, Delete.self],
        aliases: ["projects"]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a project.")
        @OptionGroup(title: "Global options") var options: FrostOptions
        @Argument var name: String

        func run() async throws {
            try await Complaint.exiting(options) {
                let project = try await FrostContext.open(options).manager.createProject(name)
                if options.json { try Output.json(project) } else { print("\(project.name) created") }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All projects.")
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await Complaint.exiting(options) {
                let projects = try FrostContext.store(options).projects()
                if options.json {
                    try Output.json(projects)
                } else {
                    Output.table(["PROJECT", "ID"], projects.map { [$0.name, $0.id] })
                }
            }
        }
    }

    struct Rename: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Rename a project; the hostnames of its branches follow."
        )
        @OptionGroup(title: "Global options") var options: FrostOptions
        @Argument var name: String
        @Argument var newName: String
        @Option(help: "For how long old hostnames still lead there: 1m to 90d, e.g. 7d. (default: not at all)")
        var keepHostnames: String?

        func run() async throws {
            try await Complaint.exiting(options) {
                let context = try await FrostContext.open(options)
                try await context.manager.renameProject(
                    context.store.project(name),
                    to: newName,
                    keepingHostnamesFor: keepHostnames.map { try AliasDuration($0) }
                )
                if options.json {
                    try Output.json(context.store.project(newName))
                } else {
                    print("\(name) is now \(newName)")
                }
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a project that has no databases.")
        @OptionGroup(title: "Global options") var options: FrostOptions
        @Argument var name: String

        func run() async throws {
            try await Complaint.exiting(options) {
                let context = try await FrostContext.open(options)
                try context.manager.deleteProject(context.store.project(name))
                if !options.json { print("\(name) deleted") }
            }
        }
    }
}
