import Foundation
import GRDB

/// The completed steps of an operation. Stored before the next step starts.
package enum OperationStep: String, Codable, CaseIterable, Sendable {
    /// It is in the store; nothing else has been done.
    case registered
    /// Data is being created, or copied beside the branch's own.
    case copying
    /// The copy is complete.
    case copied
    /// The branch is removed from the active routes.
    case unrouted
    case stopped
    /// The copy is in place of the branch's data.
    case adopted
    case started
    /// The server and its data are removed.
    case removed
    /// The store has the result, but the route map does not yet.
    case finished
}

/// A running operation: its row in the store, and its lock.
struct OperationRun: Sendable {
    /// The row at its start, or as found by recovery.
    let operation: Operation
    /// The branch's previous status; nil if resumed by recovery, and for a new branch.
    let previous: LifecycleStatus?
    let store: BranchStore
    let lock: OperationLock
    let didComplete: @Sendable (BranchAction, OperationStep) -> Void

    var id: String { operation.id }
    var targetID: String { operation.targetId }
    var action: BranchAction { operation.action }

    /// Records a completed step, and the branch's new status.
    ///
    /// - Parameters:
    ///   - turnedOff: in a copy; the message of a successful operation.
    ///   - isUndoing: whether the operation is being undone.
    /// - Throws: ``BranchError/cancelled(_:)`` if it was cancelled; then nothing is recorded.
    func reach(
        _ step: OperationStep,
        status: LifecycleStatus? = nil,
        turnedOff: [String] = [],
        isUndoing: Bool = false
    ) throws(BranchError) {
        let note = turnedOff.isEmpty ? nil : "disabled in this copy: \(turnedOff.joined(separator: "; "))"
        try store.write(urgent: true) { db in
            if !isUndoing { try checkNotCancelled(db) }
            try db.execute(
                sql: "UPDATE operation SET step = ?, turnedOff = coalesce(?, turnedOff) WHERE id = ?",
                arguments: [step.rawValue, note, id]
            )
            if let status {
                try db.execute(
                    sql: "UPDATE target SET lifecycleStatus = ? WHERE id = ?",
                    arguments: [status.rawValue, targetID]
                )
            }
        }
        didComplete(action, step)
    }

    /// In the same transaction as the change that a cancel must prevent.
    private func checkNotCancelled(_ db: Database) throws {
        if try BranchStore.isCancelled(db, id) { throw operation.cancellation }
    }

    /// Records the progress of a copy, ignoring write errors.
    func note(_ progress: CopyProgress) {
        try? store.write { db in
            try db.execute(
                sql: "UPDATE operation SET doneBytes = ?, totalBytes = ? WHERE id = ?",
                arguments: [progress.doneBytes, progress.totalBytes, id]
            )
        }
    }

    /// Ends the operation, and sets the branch's status.
    ///
    /// - Throws: ``BranchError/cancelled(_:)`` if it would succeed, but was cancelled.
    func finish(_ status: Operation.Status, branch: LifecycleStatus?, message: String? = nil) throws(BranchError) {
        try store.write(urgent: true) { db in
            if status == .succeeded { try checkNotCancelled(db) }
            try Self.end(db, id: id, status, message: message)
            if let branch {
                let isReason = branch == .recovering || (branch != .active && status == .failed)
                try db.execute(
                    sql: "UPDATE target SET lifecycleStatus = ?, reason = ? WHERE id = ?",
                    arguments: [branch.rawValue, isReason ? message : nil, targetID]
                )
            }
        }
        didComplete(action, .finished)
    }

    /// Ends the operation and forgets the branch, and the database if this was its only branch and was being created.
    func finishRemoved(_ status: Operation.Status, message: String? = nil, withDatabase: Bool = false)
        throws(BranchError)
    {
        try store.write(urgent: true) { db in
            try Self.end(db, id: id, status, message: message)
            let databaseID = try String.fetchOne(
                db,
                sql: "SELECT databaseId FROM target WHERE id = ?",
                arguments: [targetID]
            )
            if action == .delete {
                // A gateway may still route clients there for a moment.
                try db.execute(
                    sql: "INSERT OR REPLACE INTO freedPort SELECT hostPort, ? FROM target WHERE id = ?",
                    arguments: [Date.now, targetID]
                )
            }
            try db.execute(sql: "DELETE FROM target WHERE id = ?", arguments: [targetID])
            if withDatabase {
                try db.execute(
                    sql:
                        "DELETE FROM database WHERE id = ? AND NOT EXISTS (SELECT 1 FROM target WHERE databaseId = database.id)",
                    arguments: [databaseID]
                )
            }
        }
        didComplete(action, .finished)
    }

    /// Records a failed try of recovery, with its reason.
    func noteTry(_ message: String) throws(BranchError) {
        try store.write(urgent: true) { db in
            try db.execute(
                sql: "UPDATE operation SET triedAt = ?, message = ? WHERE id = ?",
                arguments: [Date.now, message, id]
            )
        }
    }

    private static func end(_ db: Database, id: String, _ status: Operation.Status, message: String?) throws {
        try db.execute(
            sql:
                "UPDATE operation SET status = ?, message = coalesce(?, CASE WHEN ? THEN turnedOff END), finishedAt = ? "
                + "WHERE id = ?",
            arguments: [status.rawValue, message, status == .succeeded, Date.now, id]
        )
    }
}
