package import Foundation
import GRDB

/// The expiry of an unused branch, and its progress.
///
/// Only time observed by frost counts: not while frost is stopped, or the branch's server cannot be queried. Setting
/// the clock does not advance it.
package struct BranchExpiry: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    package static let databaseTableName = "branchExpiry"

    /// How long an expired branch is kept, in seconds of observed time: seven days.
    package static let keptSeconds = 604_800

    package var targetId: String
    package var ttlValue: Int
    package var ttlUnit: BranchTTL.Unit
    /// Time without use, in seconds of observed time.
    package var unusedSeconds = 0
    /// Time since its expiry, in seconds of observed time.
    package var expiredSeconds = 0
    /// The last observed use or operation, to the second.
    package var lastUsedAt: Date
    /// The last observation, a few minutes late at most; nil before the first.
    package var lookedAt: Date?
    /// ``ServerUse/sessions`` at that observation.
    package var sessions: Int?

    package init(targetId: String, ttl: BranchTTL, at now: Date) {
        self.targetId = targetId
        ttlValue = ttl.value
        ttlUnit = ttl.unit
        lastUsedAt = Self.second(now)
    }

    /// nil for an invalid record.
    package var ttl: BranchTTL? { try? BranchTTL(value: ttlValue, unit: ttlUnit) }

    package var ttlSeconds: Int { ttlValue * ttlUnit.seconds }

    /// How long after an observation time is assumed to count, in seconds: observations are made each minute, and
    /// stored every five.
    private static let watched = 900.0

    /// Whether time counts: not while frost is stopped, or cannot query its server.
    package func isWatched(at now: Date) -> Bool {
        abs(now.timeIntervalSince(lookedAt.map { max($0, lastUsedAt) } ?? lastUsedAt)) < Self.watched
    }

    /// When it expires without use, if frost keeps running.
    package var expiresAt: Date { end(in: ttlSeconds - unusedSeconds) }

    /// When it is deleted after its expiry, if frost keeps running.
    package var deletesAt: Date { end(in: Self.keptSeconds - expiredSeconds) }

    /// To the minute, the precision of observations.
    private func end(in seconds: Int) -> Date {
        let end = (lookedAt ?? lastUsedAt).timeIntervalSince1970 + Double(max(0, seconds))
        return Date(timeIntervalSince1970: (end / 60).rounded(.down) * 60)
    }

    /// As stored.
    static func second(_ date: Date) -> Date {
        Date(timeIntervalSince1970: date.timeIntervalSince1970.rounded(.down))
    }

    /// Restarts the time after an operation on a branch; does nothing for branches that do not expire.
    static func renew(_ db: Database, _ targetID: String, at now: Date = .now) throws {
        try db.execute(
            sql: "UPDATE branchExpiry SET unusedSeconds = 0, expiredSeconds = 0, lastUsedAt = ? WHERE targetId = ?",
            arguments: [second(now), targetID]
        )
    }
}

extension BranchDetails {
    /// When it expires without use, if frost keeps running; in the past while frost is stopped. nil if it never
    /// expires, has expired, or has failed.
    package var expiresAt: Date? {
        target.lifecycleStatus == .expired || target.hasFailed ? nil : expiry?.expiresAt
    }

    /// When it is deleted unless it is started, if frost keeps running; nil if it has not expired.
    package var deletesAt: Date? { target.lifecycleStatus == .expired ? expiry?.deletesAt : nil }
}

extension BranchTarget {
    /// Whether it stopped unexpectedly: time without use does not count, since it cannot be used.
    package var hasFailed: Bool { lifecycleStatus == .stopped && reason != nil }
}
