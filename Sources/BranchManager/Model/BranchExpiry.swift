package import Foundation
import GRDB

/// That a branch expires when nobody uses it, and how far that is.
///
/// What counts is time that frost has watched: it passes neither while frost does not run nor while the branch's server
/// cannot be asked, and no clock that is set can make it pass.
package struct BranchExpiry: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    package static let databaseTableName = "branchExpiry"

    /// How long a branch that has expired is kept, in seconds of watching: seven days.
    package static let keptSeconds = 604_800

    package var targetId: String
    package var ttlValue: Int
    package var ttlUnit: BranchTTL.Unit
    /// For how long nobody has used it, in seconds of watching.
    package var unusedSeconds = 0
    /// For how long it has been expired, in seconds of watching.
    package var expiredSeconds = 0
    /// When somebody was last seen to use it, or did something with it. To the second.
    package var lastUsedAt: Date
    /// When it was last looked at, to the second and a few minutes; nil until the first look.
    package var lookedAt: Date?
    /// ``ServerUse/sessions`` at that look.
    package var sessions: Int?

    package init(targetId: String, ttl: BranchTTL, at now: Date) {
        self.targetId = targetId
        ttlValue = ttl.value
        ttlUnit = ttl.unit
        lastUsedAt = Self.second(now)
    }

    /// nil for what no frost has written.
    package var ttl: BranchTTL? { try? BranchTTL(value: ttlValue, unit: ttlUnit) }

    package var ttlSeconds: Int { ttlValue * ttlUnit.seconds }

    /// How long after a look its time is said to pass, in seconds: looks come each minute, and are kept every five.
    private static let watched = 900.0

    /// Whether its time passes: not while frost does not run, or cannot ask its server.
    package func isWatched(at now: Date) -> Bool {
        abs(now.timeIntervalSince(lookedAt.map { max($0, lastUsedAt) } ?? lastUsedAt)) < Self.watched
    }

    /// When it expires if nobody uses it and frost goes on looking.
    package var expiresAt: Date { end(in: ttlSeconds - unusedSeconds) }

    /// When it is deleted, once it has expired, if frost goes on looking.
    package var deletesAt: Date { end(in: Self.keptSeconds - expiredSeconds) }

    /// To the minute: looks come when they can.
    private func end(in seconds: Int) -> Date {
        let end = (lookedAt ?? lastUsedAt).timeIntervalSince1970 + Double(max(0, seconds))
        return Date(timeIntervalSince1970: (end / 60).rounded(.down) * 60)
    }

    /// As the store keeps it.
    static func second(_ date: Date) -> Date {
        Date(timeIntervalSince1970: date.timeIntervalSince1970.rounded(.down))
    }

    /// Begins anew for a branch that somebody does something with; nothing happens to one that does not expire.
    static func renew(_ db: Database, _ targetID: String, at now: Date = .now) throws {
        try db.execute(
            sql: "UPDATE branchExpiry SET unusedSeconds = 0, expiredSeconds = 0, lastUsedAt = ? WHERE targetId = ?",
            arguments: [second(now), targetID]
        )
    }
}

extension BranchDetails {
    /// When it expires if nobody uses it and frost goes on looking; past while frost does not. nil of one that never does,
    /// that has, or that has failed.
    package var expiresAt: Date? {
        target.lifecycleStatus == .expired || target.hasFailed ? nil : expiry?.expiresAt
    }

    /// When it is deleted if nobody starts it and frost goes on looking; nil of one that has not expired.
    package var deletesAt: Date? { target.lifecycleStatus == .expired ? expiry?.deletesAt : nil }
}

extension BranchTarget {
    /// Whether it is stopped and nobody has stopped it: its time without use does not pass, since nobody could use it.
    package var hasFailed: Bool { lifecycleStatus == .stopped && reason != nil }
}
