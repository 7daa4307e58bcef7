import ArgumentParser
import BranchManager
import Foundation
import FrostServer

/// `frost branch`
struct BranchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "branch",
        abstract: "Branches: whole PostgreSQL servers, each with a hostname.",
        subcommands: [
            Create.self, List.self, Start.self, Stop.self, Deploy.self, Reset.self, Rename.self, Delete.self, URL.self,
            Log.self,
        ]
    )

    /// Which branch.
    struct Selection: ParsableArguments {
        @Argument(help: "The branch, by name or id.") var name: String
        @Option(help: "Its database, by name or id.") var database: String
        @Option(help: "Its project, where several have a database of this name.") var project: String?

        func find(in store: BranchStore) throws -> BranchDetails {
            try store.branch(name, in: store.database(database, project: project))
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a branch as a copy of another, and start it.")
        @OptionGroup var options: FrostOptions
        @Argument(help: "Lowercase letters, digits and hyphens.") var name: String
        @Option(help: "Its database, by name or id.") var database: String
        @Option(help: "Its project, where several have a database of this name.") var project: String?
        @Option(help: "The branch to copy.") var from: String = BranchName.main

        func run() async throws {
            try await Complaint.exiting {
                let context = try await FrostContext.open(options)
                let source = try context.branch(from, database: database, project: project)
                let branch = try await context.progress.during("creating \(source.database.name)/\(name)") {
                    try await context.finishRecovery(context.manager.createBranch(name, from: source))
                }
                try ShownBranch.show(branch, "created", json: options.json)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All branches.")
        @OptionGroup var options: FrostOptions
        @Option(help: "Only of this database, by name or id.") var database: String?
        @Option(help: "Its project, where several have a database of this name.") var project: String?

        func run() async throws {
            try await Complaint.exiting {
                let store = try FrostContext.store(options)
                let databaseID = try database.map { try store.database($0, project: project).id }
                try ShownBranch.show(store.branches(of: databaseID), json: options.json)
            }
        }
    }

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Start a branch that is stopped.")
        @OptionGroup var options: FrostOptions
        @OptionGroup var selection: Selection

        func run() async throws {
            try await BranchCommand.change(options, selection, "starting", "started") { try await $0.start($1) }
        }
    }

    struct Stop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Stop a branch; clients are told so.")
        @OptionGroup var options: FrostOptions
        @OptionGroup var selection: Selection

        func run() async throws {
            try await BranchCommand.change(options, selection, "stopping", "stopped") { try await $0.stop($1) }
        }
    }

    struct Deploy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a branch's server anew, on the same data and port."
        )
        @OptionGroup var options: FrostOptions
        @OptionGroup var selection: Selection

        func run() async throws {
            try await BranchCommand.change(options, selection, "deploying", "deployed") { try await $0.deploy($1) }
        }
    }

    struct Reset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give a branch the data that its source has now.")
        @OptionGroup var options: FrostOptions
        @OptionGroup var selection: Selection
        @Option(help: "The branch to copy. (default: the one it was made from)") var from: String?

        func run() async throws {
            try await BranchCommand.change(options, selection, "resetting", "reset") { manager, branch in
                let source = try from.map { try manager.store.branch($0, in: branch.database) }
                return try await manager.reset(branch, to: source)
            }
        }
    }

    struct Rename: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Rename a branch; its hostname follows, its sessions go on."
        )
        @OptionGroup var options: FrostOptions
        @OptionGroup var selection: Selection
        @Argument(help: "Lowercase letters, digits and hyphens.") var newName: String

        func run() async throws {
            try await BranchCommand.change(options, selection, "renaming", "renamed") {
                try await $0.rename($1, to: newName)
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a branch and its data.")
        @OptionGroup var options: FrostOptions
        @OptionGroup var selection: Selection

        func run() async throws {
            try await BranchCommand.change(options, selection, "deleting", "deleted") { manager, branch in
                try await manager.delete(branch)
                return nil
            }
        }
    }

    struct URL: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the connection string of a branch, with its password; it works as pasted."
        )
        @OptionGroup var options: FrostOptions
        @OptionGroup var selection: Selection

        private struct Shown: Encodable {
            var url: String
        }

        func run() async throws {
            try await Complaint.exiting {
                let store = try FrostContext.store(options)
                let branch = try selection.find(in: store)
                guard try store.isGatewayEnabled() else {
                    throw BranchError.notAllowed(
                        "the gateway is disabled, so branches are reached on this host only; "
                            + "enable it: frost settings --gateway-enabled true"
                    )
                }
                guard let external = ConnectionInfo(external: branch, port: try store.gatewayPort()) else {
                    throw BranchError.notAllowed(
                        "hostnames have no wildcard base yet; set one: frost settings --wildcard-base example.net"
                    )
                }
                let url = ConnectionSnippets.url(external)
                if options.json { try Output.json(Shown(url: url)) } else { print(url) }
                if branch.target.lifecycleStatus != .active {
                    Complaint.print("note: the branch is \(branch.target.lifecycleStatus.rawValue)")
                } else {
                    // Whoever asks for a string wants one that works.
                    _ = try? await FrostContext.checkPassword(branch, options, store)
                }
                if let warning = try store.branch(id: branch.target.id).target.passwordWarning {
                    Complaint.print("note: \(warning)")
                }
            }
        }
    }

    struct Log: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "What was done with a branch, the latest first.")
        @OptionGroup var options: FrostOptions
        @OptionGroup var selection: Selection

        func run() async throws {
            try await Complaint.exiting {
                let store = try FrostContext.store(options)
                let operations = try store.operations(of: selection.find(in: store).target.id)
                if options.json {
                    try Output.json(operations)
                } else {
                    Output.table(
                        ["STARTED", "ACTION", "STATUS", "MESSAGE"],
                        operations.map {
                            [
                                $0.startedAt.formatted(.iso8601), $0.action.rawValue, $0.status.rawValue,
                                $0.message ?? "",
                            ]
                        }
                    )
                }
            }
        }
    }

    fileprivate static func change(
        _ options: FrostOptions,
        _ selection: Selection,
        _ doing: String,
        _ did: String,
        _ body: @escaping (BranchManager, BranchDetails) async throws -> BranchDetails?
    ) async throws {
        try await Complaint.exiting {
            let context = try await FrostContext.open(options)
            let branch = try selection.find(in: context.store)
            let after = try await context.progress.during("\(doing) \(branch.displayName)") {
                let after = try await body(context.manager, branch)
                return if let after { try await context.finishRecovery(after) } else { after }
            }
            if let after {
                try ShownBranch.show(after, did, json: options.json)
            } else if !options.json {
                print("\(branch.displayName) \(did)")
            }
        }
    }
}
