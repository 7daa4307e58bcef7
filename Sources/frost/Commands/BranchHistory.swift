import ArgumentParser
import BranchManager
import Foundation

extension BranchCommand {
    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Operations on a branch, latest first.",
            discussion: """
                EXAMPLE
                  frost branch history feature-1
                """,
            aliases: ["log"]
        )
        @OptionGroup var selection: BranchSelection
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let store = try FrostContext.store(options)
                let operations = try store.operations(of: selection.find(in: store).target.id)
                if options.json { return try Output.json(operations.map(ShownOperation.init)) }
                Output.table(
                    ["STARTED", "ACTION", "BY", "STATUS", "MESSAGE"],
                    operations.map {
                        [
                            $0.startedAt.formatted(.iso8601), $0.action.rawValue, $0.actor.rawValue, $0.status.rawValue,
                            $0.message ?? "",
                        ]
                    }
                )
            }
        }
    }
}

/// An operation as commands show it.
struct ShownOperation: Encodable {
    var id: String
    var targetId: String
    /// The branch's name at the time.
    @OrNull var targetName: String?
    var action: String
    /// running, succeeded, failed or cancelled.
    var status: String
    @OrNull var step: String?
    @OrNull var message: String?
    var startedAt: Date
    @OrNull var finishedAt: Date?
    /// user, or frost for automatic operations.
    var actor: String
    @OrNull var progress: ShownProgress?
    /// Whether a cancel was requested.
    var cancelRequested: Bool

    init(_ operation: BranchOperation) {
        id = operation.id
        targetId = operation.targetId
        targetName = operation.targetName
        action = operation.action.rawValue
        status = operation.status.rawValue
        step = operation.step
        message = operation.message
        startedAt = operation.startedAt
        finishedAt = operation.finishedAt
        actor = operation.actor.rawValue
        progress = operation.progress.map { ShownProgress(doneBytes: $0.doneBytes, totalBytes: $0.totalBytes) }
        cancelRequested = operation.isCancelled
    }
}

/// The progress of a copy.
struct ShownProgress: Encodable {
    var doneBytes: Int
    var totalBytes: Int
}
