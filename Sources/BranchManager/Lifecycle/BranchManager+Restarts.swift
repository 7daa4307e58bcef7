import Foundation
import GRDB

extension BranchManager {
    /// A server that ends later than this after its start counts as started; in seconds.
    private static let calm = 60.0

    /// Restarts a server that ended unexpectedly: at once, and with increasing delays while it ends soon after its
    /// starts (``isDue(_:since:)``). Until the next start the branch is shown as recovering, with the reason.
    ///
    /// All these starts are one operation.
    ///
    /// - Parameters:
    ///   - branch: active or recovering, without a running server.
    ///   - retries: whether delays apply.
    /// - Returns: the reason for a delay; nil if it was started.
    /// - Throws: ``BranchError/busy(_:)`` if another operation is running on it, or has stopped it.
    func restart(_ branch: BranchDetails, retrying retries: Retries) async throws(BranchError) -> String? {
        let id = branch.target.id
        let last = try store.read { db in try Self.unsettledRestart(db, of: branch.target) }
        if retries == .due, let last, let tried = last.triedAt, !Self.isDue(tried, since: last.startedAt) {
            return try await putOff(branch, last, until: tried + Self.pause(tried, since: last.startedAt))
        }
        let (run, details) = try await record(
            .start,
            id,
            status: .starting,
            expecting: branch.target.lifecycleStatus,
            isRestart: true
        )
        try await startUnlessRunning(run, details)
        return nil
    }

    private func putOff(
        _ branch: BranchDetails,
        _ last: Operation,
        until next: Date
    ) async throws(BranchError) -> String {
        let id = branch.target.id
        let reason =
            "the server ended soon after each of its starts since \(Self.time(last.startedAt)); the next start is at "
            + Self.time(next)
        if branch.target.lifecycleStatus == .recovering, branch.target.reason == reason { return reason }
        guard let lock = lockNow(id) else { throw unfinished(branch.target) }
        defer { withExtendedLifetime(lock) {} }
        try store.write { db in
            let current = try Self.current(db, id)
            guard current.lifecycleStatus == branch.target.lifecycleStatus else { throw unfinished(current) }
            try db.execute(
                sql: "UPDATE target SET lifecycleStatus = ?, reason = ? WHERE id = ?",
                arguments: [LifecycleStatus.recovering.rawValue, reason, id]
            )
            try db.execute(sql: "UPDATE operation SET message = ? WHERE id = ?", arguments: [reason, last.id])
        }
        await publishRoutes()
        return reason
    }

    /// The last automatic restart of a server, unless it was successful.
    static func unsettledRestart(_ db: Database, of target: BranchTarget) throws -> Operation? {
        let last = try Operation.filter(Column("targetId") == target.id).order(Column.rowID.desc).fetchOne(db)
        guard let last, last.action == .start, last.status == .succeeded, let tried = last.triedAt else { return nil }
        let age = Date.now.timeIntervalSince(tried)
        // A server that never answered was not successful, no matter how long it ran.
        return target.lifecycleStatus == .active && age >= Self.calm ? nil : last
    }

    private static func time(_ date: Date) -> String {
        // Times of the store and of logs are UTC.
        "\(date.formatted(.iso8601.time(includingFractionalSeconds: false))) UTC"
    }
}
