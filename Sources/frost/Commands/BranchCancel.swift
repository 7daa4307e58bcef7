import ArgumentParser
import BranchManager

extension BranchCommand {
    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancel a running create, reset or import, no matter who started it.",
            discussion: """
                Removes a branch or database that is being created; a branch that is being reset keeps its data. \
                Returns when the operation has ended.

                EXAMPLE
                  frost branch cancel feature-1
                """
        )
        @OptionGroup var selection: BranchSelection
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                // Recovery may undo it, and the branch with it.
                let branch = try selection.find(in: FrostContext.store(options))
                let context = try await FrostContext.open(options)
                let name = branch.displayName
                let last = try context.store.operations(of: branch.target.id, limit: 1).first
                guard let last, last.status == .running else {
                    throw BranchError.notAllowed("no operation is running on \(name)")
                }
                let ended = try await context.progress.during("cancelling \(last.action.rawValue) of \(name)") {
                    try await context.manager.cancel(last)
                }
                guard ended.status == .cancelled else {
                    throw BranchError.notAllowed(
                        "the \(ended.action.rawValue) of \(name) ended before it could be cancelled "
                            + "(\(ended.status.rawValue)\(ended.message.map { ": \($0)" } ?? ""))"
                    )
                }
                if options.json { return try Output.json(ShownOperation(ended)) }
                print("\(name): \(ended.action.rawValue) \(ended.message ?? "cancelled")")
            }
        }
    }
}
