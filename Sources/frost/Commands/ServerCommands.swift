import ArgumentParser
import BranchManager
import Foundation

/// `frost start` and `frost branch start`
struct StartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Start stopped branches.",
        discussion: """
            EXAMPLES
              frost start feature-1
              frost start --all
            """
    )
    @OptionGroup var selection: BranchesSelection
    @OptionGroup(title: "Global options") var options: FrostOptions

    func validate() throws { try selection.check() }

    func run() async throws {
        try await selection.change(options, "starting", "started") { manager, branch throws(BranchError) in
            try await manager.start(branch)
        }
    }
}

/// `frost stop` and `frost branch stop`
struct StopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract:
            "Stop branches; their clients receive 57P01. Servers keep running when frost up ends; this stops them.",
        discussion: """
            EXAMPLES
              frost stop feature-1
              frost stop --all
            """
    )
    @OptionGroup var selection: BranchesSelection
    @OptionGroup(title: "Global options") var options: FrostOptions

    func validate() throws { try selection.check() }

    func run() async throws {
        try await selection.change(options, "stopping", "stopped") { manager, branch throws(BranchError) in
            try await manager.stop(branch)
        }
    }
}

/// Some branches, or all.
struct BranchesSelection: ParsableArguments {
    @Argument(help: "The branches.", completion: BranchCompletion.branches) var branches: [String] = []
    @Flag(help: "All branches on this host.") var all = false
    @OptionGroup var place: BranchPlace

    func check() throws {
        if all, place.database != nil || place.project != nil {
            throw ValidationError("--all cannot be combined with --database or --project")
        }
        if all == branches.isEmpty { return }
        throw ValidationError(all ? "name branches or use --all, not both" : "name a branch, or use --all")
    }

    /// Continues with the others when one cannot be changed. JSON is a list, even for one branch.
    ///
    /// - Throws: ``BranchError``, or an exit code when one of several could not be changed.
    func change(
        _ options: FrostOptions,
        _ doing: String,
        _ did: String,
        _ body: @escaping @Sendable (BranchManager, BranchDetails) async throws(BranchError) -> BranchDetails
    ) async throws {
        try await ErrorOutput.exiting(options) {
            let context = try await FrostContext.open(options)
            let chosen =
                try all
                ? context.store.branches() : branches.map { try context.store.branch(place.reference($0)) }
            var changed: [BranchDetails] = []
            var faults: [BranchError] = []
            for (number, branch) in chosen.enumerated() {
                let name = branch.displayName
                let what = "\(doing) \(name) (\(number + 1) of \(chosen.count))"
                do {
                    let after = try await context.progress.during(what) {
                        try await context.finishRecovery(body(context.manager, branch))
                    }
                    changed.append(after)
                    if !options.json { print("\(name) \(did)") }
                } catch let error as BranchError {
                    guard chosen.count > 1 else { throw error }
                    ErrorOutput.print("\(name): \(error)")
                    faults.append(error)
                }
            }
            let looks = try await GatewayLook.warnings(for: changed, context.store, in: context.directory)
            if options.json { try Output.json(changed.map { ShownBranch($0, looks[$0.target.id]) }) }
            GatewayLook.show(looks.values)
            for branch in changed {
                if let warning = branch.target.passwordWarning(options.hint) {
                    ErrorOutput.print("note: \(changed.count > 1 ? "\(branch.displayName): " : "")\(warning)")
                }
            }
            if !faults.isEmpty {
                throw BranchError.runtime("\(faults.count) of \(chosen.count) branches could not be \(did)")
            }
        }
    }
}
