import Foundation
import RouteMap

/// Decides what `frost sync` writes and when: looks at Frost's database go in, writes come out. No clock, no file.
///
/// - What adds a route counts at once, and so does what takes a port: the port's former route goes in the same write.
/// - What takes routes away otherwise counts when two looks in a row agree. A migration of Frost's without a
///   transaction has moments without any branch, and sessions end with their routes.
/// - While nothing changes, the map is confirmed. After a look that failed it is not: Frost goes on giving ports away.
struct SyncMachine: Sendable {
    /// For how long the gateway may trust the map, in seconds.
    static let validity = 300
    /// Between two confirmations, in seconds: five in the span.
    static let confirmationInterval: TimeInterval = 60

    enum Look: Sendable {
        case contents(FrostContents)
        /// It could not be read.
        case fault
    }

    /// The names first, so that a map never has one that is not remembered.
    struct Write: Hashable, Sendable {
        var lists: RouteLists
        var ledger: HostnameLedger
        var confirmedAt: Date
        /// Whether the lists differ from those in force; otherwise the map is only confirmed.
        var isChange: Bool
    }

    private(set) var ledger: HostnameLedger
    /// nil while there is no map.
    private(set) var inForce: RouteLists?
    private(set) var confirmedAt: Date?
    /// What could not be made a route, as of the last look.
    private(set) var problems: [String] = []
    /// Hostnames that the last look would have taken away.
    private var missing: Set<Hostname> = []
    private var isLost = false
    private var claims = PortClaims()

    /// - Parameters:
    ///   - inForce: the map that is there; nil when there is none.
    ///   - confirmedAt: when it was confirmed last; nil when it never was.
    init(ledger: HostnameLedger, inForce: RouteLists?, confirmedAt: Date?) {
        self.ledger = ledger
        self.inForce = inForce
        self.confirmedAt = confirmedAt
    }

    /// Whether the next look decides what the last left open.
    var isPending: Bool { !missing.isEmpty }

    /// The map or the names are not where they were written to.
    mutating func lost() { isLost = true }

    /// - Returns: what is to be written, and reported by ``wrote(_:)`` then; nil for nothing.
    mutating func looked(_ look: Look, at now: Date) -> Write? {
        guard case .contents(let contents) = look else { return nil }
        let requests = contents.requests
        // The base was measured; a name that it leaves no room for is none.
        let known = ledger
        let names = contents.base.flatMap { try? known.names(for: requests, base: $0, at: now) } ?? [:]
        claims.look(at: contents, inForce: inForce)
        let owners = claims.owners(in: contents)
        let (wanted, conflicts) = contents.lists(names: names, owners: owners)
        problems = contents.problems + conflicts

        let remainder = (inForce ?? .empty).remainder(after: wanted, ports: owners.mapValues(\.target.id))
        let kept = remainder.without(missing)
        let mayKeep = isConfirmed(at: now)
        missing = remainder.hostnames
        // A map whose span is over leads nowhere; to keep a route of it would put it in force again.
        if !mayKeep, !kept.hostnames.isEmpty { return nil }

        let lists = wanted.keeping(kept)
        var ledger = known
        ledger.record(requests, names: names, lingering: kept.hostnames, at: now)
        let isChange = lists != inForce
        guard isChange || ledger != known || isLost || isDue(at: now) else { return nil }
        return Write(lists: lists, ledger: ledger, confirmedAt: now, isChange: isChange)
    }

    /// A write is done: names and map.
    mutating func wrote(_ write: Write) {
        ledger = write.ledger
        inForce = write.lists
        confirmedAt = write.confirmedAt
        isLost = false
        missing.formIntersection(write.lists.hostnames)
    }

    /// A clock that was set back confirms anew as well.
    private func isDue(at now: Date) -> Bool {
        guard let confirmedAt else { return true }
        return !(0..<Self.confirmationInterval).contains(now.timeIntervalSince(confirmedAt))
    }

    private func isConfirmed(at now: Date) -> Bool {
        guard let confirmedAt else { return false }
        return now.timeIntervalSince(confirmedAt) < TimeInterval(Self.validity)
    }
}
