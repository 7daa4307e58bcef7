import Foundation
import GRDB

extension BranchManager {
    /// Sets the time without use after which a branch expires, or that it never expires. Restarts the time; an expired
    /// branch becomes a stopped one, and is kept.
    ///
    /// - Parameter ttl: nil for never.
    /// - Throws: ``BranchError/notAllowed(_:)`` for `main`.
    package func setTTL(_ ttl: BranchTTL?, of branch: BranchDetails) async throws(BranchError) -> BranchDetails {
        let id = branch.target.id
        if ttl != nil { try Self.checkCanExpire(branch.target) }
        let lock = try await lock(id, .exclusive)
        try store.write { db in
            let current = try Self.current(db, id)
            guard current.lifecycleStatus.allows(.rename) else { throw unfinished(current) }
            if let ttl {
                try BranchExpiry(targetId: id, ttl: ttl, at: .now).save(db)
            } else {
                _ = try BranchExpiry.deleteOne(db, key: id)
            }
            if current.lifecycleStatus == .expired {
                try db.execute(
                    sql: "UPDATE target SET lifecycleStatus = ? WHERE id = ?",
                    arguments: [LifecycleStatus.stopped.rawValue, id]
                )
            }
        }
        withExtendedLifetime(lock) {}
        return try store.branch(id: id)
    }

    private static func checkCanExpire(_ target: BranchTarget) throws(BranchError) {
        guard target.isMain else { return }
        throw .notAllowed("the branch 'main' never expires: other branches are copied from it")
    }

    /// Stops a branch unused for its time to live.
    ///
    /// - Parameters:
    ///   - row: at the observation; if it has changed since, does nothing.
    ///   - new: the row to store.
    /// - Returns: nil while it waits for its next try.
    func expire(
        _ branch: BranchDetails,
        from row: BranchExpiry,
        to new: BranchExpiry
    ) async throws(BranchError) -> Recovery? {
        guard try isDue(.expire, branch) else { return nil }
        let (run, details) = try await record(
            .expire,
            branch.target.id,
            status: .stopping,
            expecting: branch.target.lifecycleStatus,
            retries: true,
            by: .frost
        ) { db in
            try Self.check(db, row)
            try new.update(db)
        }
        try await finishStop(run, details)
        return Recovery(message: "\(branch.displayName) has expired: \(Self.expiryNote(of: details) ?? "stopped")")
    }

    /// Deletes a branch that has been expired long enough.
    ///
    /// - Parameter row: as in ``expire(_:from:to:)``.
    func deleteExpired(_ branch: BranchDetails, as row: BranchExpiry) async throws(BranchError) -> Recovery? {
        guard try isDue(.delete, branch) else { return nil }
        let (run, details) = try await record(
            .delete,
            branch.target.id,
            status: .deleting,
            expecting: .expired,
            retries: true,
            by: .frost
        ) { db in try Self.check(db, row) }
        let note = "had been expired for \(Self.keptText)"
        try await finishDelete(run, details, message: note)
        return Recovery(message: "\(branch.displayName) \(note); deleted")
    }

    /// The message for a branch when it expires; nil if it never does.
    static func expiryNote(of branch: BranchDetails) -> String? {
        branch.expiry?.ttl.map {
            "not used for \($0.text); stopped; will be deleted in \(keptText) unless started"
        }
    }

    private static let keptText = "\(BranchExpiry.keptSeconds / 86_400) days"

    private static func check(_ db: Database, _ row: BranchExpiry) throws {
        guard try BranchExpiry.fetchOne(db, key: row.targetId) == row else {
            throw BranchError.busy("the branch has just been used or changed")
        }
    }

    /// Retries failed operations with increasing delays.
    private func isDue(_ action: BranchAction, _ branch: BranchDetails) throws(BranchError) -> Bool {
        let last = try store.read { db in try Self.lastTry(db, action, branch.target.id) }
        return last.map { Self.isDue($0.finishedAt, since: $0.startedAt) } ?? true
    }
}
