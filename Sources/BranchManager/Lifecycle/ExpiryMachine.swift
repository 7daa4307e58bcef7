package import Foundation

/// Decides when a branch expires and when it is deleted, from observations and times that are passed in.
///
/// Time counts only between two looks that follow each other and have both found out who uses the branch. A host that
/// was down, a server that does not answer and a clock that is set make no time pass.
package struct ExpiryMachine: Sendable {
    /// What a look has found.
    package enum Sight: Sendable {
        case running(ServerUse)
        /// Manually: it cannot be used until it is started.
        case stopped
        case expired
    }

    package enum Decision: Equatable, Sendable {
        case nothing
        /// The branch is as it was; what is known of it is kept.
        case keep(BranchExpiry)
        case expire(BranchExpiry)
        case delete(BranchExpiry)
    }

    /// Longest time between two looks that is known to be without a gap: a host that sleeps looks at nobody.
    package static let longestStep = Duration.seconds(300)
    /// How much watched time a crash may lose, in seconds. Every look that writes wakes disks and those who follow the
    /// store.
    static let keepInterval = 300.0
    /// After looks have been missing for longer, so much is left at least, in seconds: people come back too.
    static let absence = 86_400.0

    private var last: (row: BranchExpiry, at: ContinuousClock.Instant)?
    /// Watched, and not kept yet.
    private var pending = Duration.zero
    private var postgres: PostgresSessions?

    package init() {}

    /// A look that has not found out who uses the branch: the time since the last one does not count.
    package mutating func looked() {
        last = nil
        pending = .zero
    }

    /// - Parameters:
    ///   - row: as the store has it now.
    ///   - now: of a clock that nobody sets.
    ///   - date: for people, and to see that looks have been missing.
    package mutating func looked(
        _ sight: Sight,
        _ row: BranchExpiry,
        at now: ContinuousClock.Instant,
        date: Date
    ) -> Decision {
        let date = BranchExpiry.second(date)
        let sinceLast = last.map { now - $0.at }
        // What others have written begins anew from here.
        if let last, let sinceLast, last.row == row, sinceLast <= Self.longestStep {
            pending += max(.zero, sinceLast)
        } else {
            pending = .zero
        }
        var new = row
        let isBack = leaveRoom(in: &new, after: sinceLast, date: date)
        let isUsed = note(sight, in: &new, date: date)
        let unkept = Int(pending.components.seconds)
        if case .expired = sight { new.expiredSeconds += unkept } else { new.unusedSeconds += unkept }
        new.lookedAt = date
        let decision = decide(sight, new, isUsed: isUsed)
        if decision == .nothing, !isBack, !isDue(row, new, date: date) {
            last = (row, now)
            return .nothing
        }
        pending -= .seconds(unkept)
        last = (new, now)
        return decision == .nothing ? .keep(new) : decision
    }

    private func decide(_ sight: Sight, _ new: BranchExpiry, isUsed: Bool) -> Decision {
        switch sight {
        case .running, .stopped:
            var expired = new
            expired.expiredSeconds = 0
            return !isUsed && new.unusedSeconds >= new.ttlSeconds ? .expire(expired) : .nothing
        case .expired: return new.expiredSeconds >= BranchExpiry.keptSeconds ? .delete(new) : .nothing
        }
    }

    /// Whether what was found is worth a write.
    private func isDue(_ row: BranchExpiry, _ new: BranchExpiry, date: Date) -> Bool {
        guard let lookedAt = row.lookedAt else { return true }
        return row.sessions != new.sessions || (row.unusedSeconds > 0 && new.unusedSeconds == 0)
            || abs(date.timeIntervalSince(lookedAt)) >= Self.keepInterval
    }

    /// - Returns: whether looks have been missing for long, by either clock.
    private func leaveRoom(in new: inout BranchExpiry, after sinceLast: Duration?, date: Date) -> Bool {
        let byDate = new.lookedAt.map { abs(date.timeIntervalSince($0)) } ?? 0
        guard byDate > Self.absence || (sinceLast ?? .zero) > .seconds(Self.absence) else { return false }
        new.unusedSeconds = min(new.unusedSeconds, max(0, new.ttlSeconds - Int(Self.absence)))
        new.expiredSeconds = min(new.expiredSeconds, BranchExpiry.keptSeconds - Int(Self.absence))
        return true
    }

    /// - Returns: whether the branch is in use, or was since the previous observation.
    private mutating func note(_ sight: Sight, in new: inout BranchExpiry, date: Date) -> Bool {
        guard case .running(let use) = sight else { return false }
        // Both are noted, whatever the other says.
        let isMoreOfPostgres = noteSessionsOfPostgres(use)
        let isAnotherCount = new.sessions != nil && new.sessions != use.sessions
        new.sessions = use.sessions
        guard use.clients > 0 || isAnotherCount || isMoreOfPostgres else { return false }
        new.unusedSeconds = 0
        new.lastUsedAt = date
        pending = .zero
        return true
    }

    // MARK: Sessions of the database that frost asks in

    /// The most that were ever counted beside frost's own; of one start of a server.
    private struct PostgresSessions: Sendable {
        var startedAt: String
        var most: Int
        /// Until the second look: a session of frost's own may have been counted late at the first.
        var isNew: Bool
    }

    private mutating func noteSessionsOfPostgres(_ use: ServerUse) -> Bool {
        guard var known = postgres, known.startedAt == use.startedAt else {
            postgres = PostgresSessions(startedAt: use.startedAt, most: use.sessionsOfPostgres, isNew: true)
            return false
        }
        let isMore = use.sessionsOfPostgres > known.most && !known.isNew
        known.most = max(known.most, use.sessionsOfPostgres)
        known.isNew = false
        postgres = known
        return isMore
    }
}
