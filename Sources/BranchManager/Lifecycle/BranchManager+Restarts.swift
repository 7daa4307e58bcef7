import Foundation
import GRDB

extension BranchManager {
    /// A server that ends later than this after its start did not end because of it; in seconds.
    private static let calm = 60.0

    /// Starts a server that has ended by itself: at once, and as long as it ends soon after its starts, more and more
    /// rarely (``isDue(_:since:)``). Until the next start the branch is said to recover, and why.
    ///
    /// All starts of such a time are one operation.
    ///
    /// - Parameters:
    ///   - branch: active or recovering, and found without a server.
    ///   - retries: whether it is waited at all.
    /// - Returns: why it waits; nil when it was started.
    /// - Throws: ``BranchError/busy(_:)`` when somebody is at work on it, or has stopped it meanwhile.
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

    /// The operation by which a server was last started because it had ended, unless that has become a success.
    static func unsettledRestart(_ db: Database, of target: BranchTarget) throws -> Operation? {
        let last = try Operation.filter(Column("targetId") == target.id).order(Column.rowID.desc).fetchOne(db)
        guard let last, last.action == .start, last.status == .succeeded, let tried = last.triedAt else { return nil }
        let age = Date.now.timeIntervalSince(tried)
        // One that never came to answer has not become a success, however long that took.
        return target.lifecycleStatus == .active && age >= Self.calm ? nil : last
    }

    private static func time(_ date: Date) -> String {
        // Times of the store and of logs are UTC.
        "\(date.formatted(.iso8601.time(includingFractionalSeconds: false))) UTC"
    }
}
