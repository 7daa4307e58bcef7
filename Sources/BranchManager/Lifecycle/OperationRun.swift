import Foundation
import GRDB

/// How far an operation has come. Written to the store before the next step is begun.
package enum OperationStep: String, Codable, CaseIterable, Sendable {
    /// The store knows of it; nothing else has been done.
    case registered
    /// Data is being made, or copied beside the branch's own.
    case copying
    /// The copy is whole.
    case copied
    /// The branch is out of the active routes.
    case unrouted
    case stopped
    /// The copy is in place of the branch's data.
    case adopted
    case started
    /// The server and its data are gone.
    case removed
    /// The store says what came of it; the route map does not yet.
    case finished
}

/// One operation under way: its row in the store, and the lock it holds.
struct OperationRun: Sendable {
    /// As it was begun, or as recovery found it.
    let operation: Operation
    /// What the branch was before; nil for an operation that recovery has taken up, and for a new branch.
    let previous: LifecycleStatus?
    let store: BranchStore
    let lock: OperationLock
    let didComplete: @Sendable (BranchAction, OperationStep) -> Void

    var id: String { operation.id }
    var targetID: String { operation.targetId }
    var action: BranchAction { operation.action }

    /// Notes that a step is done, and with it what the branch's status is now.
    ///
    /// - Parameters:
    ///   - turnedOff: in a copy; said when the operation has succeeded.
    ///   - isUndoing: whether the operation is on its way back.
    /// - Throws: ``BranchError/cancelled(_:)`` when somebody has cancelled it; nothing is noted then.
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

    /// In the same transaction as what must not happen once it is.
    private func checkNotCancelled(_ db: Database) throws {
        if try BranchStore.isCancelled(db, id) { throw operation.cancellation }
    }

    /// Notes how much is copied. What cannot be written now is no reason to stop.
    func note(_ progress: CopyProgress) {
        try? store.write { db in
            try db.execute(
                sql: "UPDATE operation SET doneBytes = ?, totalBytes = ? WHERE id = ?",
                arguments: [progress.doneBytes, progress.totalBytes, id]
            )
        }
    }

    /// Ends the operation, and says how the branch is now.
    ///
    /// - Throws: ``BranchError/cancelled(_:)`` when it would be a success, and somebody has cancelled it.
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

    /// Ends the operation and forgets the branch; the database too, when this was its only branch and was being made.
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
                // A gateway may lead its clients there for a moment yet.
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

    /// Notes that recovery could not bring it to an end now, and why.
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
