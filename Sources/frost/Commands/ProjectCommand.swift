import ArgumentParser
import BranchManager

/// `frost project`
struct ProjectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "project",
        abstract: "Manage projects, which group databases and are part of hostnames.",
        subcommands: [Create.self, List.self, Rename.self, Delete.self],
        aliases: ["projects"]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Create a project.")
        @OptionGroup(title: "Global options") var options: FrostOptions
        @Argument var name: String

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let project = try await FrostContext.open(options).manager.createProject(name)
                if options.json { try Output.json(project) } else { print("\(project.name) created") }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List projects.")
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await ErrorOutput.exiting(options) {
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
            abstract: "Rename a project; the hostnames of its branches change."
        )
        @OptionGroup(title: "Global options") var options: FrostOptions
        @Argument var name: String
        @Argument var newName: String
        @Option(help: "How long old hostnames keep working: 1m to 90d, e.g. 7d. (default: not at all)")
        var keepHostnames: String?

        func run() async throws {
            try await ErrorOutput.exiting(options) {
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
        static let configuration = CommandConfiguration(abstract: "Delete a project without databases.")
        @OptionGroup(title: "Global options") var options: FrostOptions
        @Argument var name: String

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let context = try await FrostContext.open(options)
                try context.manager.deleteProject(context.store.project(name))
                if !options.json { print("\(name) deleted") }
            }
        }
    }
}
