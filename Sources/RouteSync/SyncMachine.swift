import Foundation
import RouteMap

/// Decides what `frost sync` writes and when: the input is looks at Frost's database, the output writes. Uses no clock
/// and no files.
///
/// - A new route takes effect at once, and so does a new owner of a port: the same write removes the port's former
///   route.
/// - Other removals take effect when two consecutive looks agree. A migration of Frost without a transaction has
///   moments without any branch, and sessions end with their routes.
/// - Without changes, the map is confirmed, but not after a failed look: Frost may reassign ports meanwhile.
struct SyncMachine: Sendable {
    /// How long the gateway may trust the map, in seconds.
    static let validity = 300
    /// Interval of confirmations, in seconds: a fifth of the validity.
    static let confirmationInterval: TimeInterval = 60

    enum Look: Sendable {
        case contents(FrostContents)
        /// It could not be read.
        case fault
    }

    /// Names are written first, so that a map never contains a name that is not stored.
    struct Write: Hashable, Sendable {
        var lists: RouteLists
        var ledger: HostnameLedger
        var confirmedAt: Date
        /// Whether the lists differ from the current ones; otherwise the map is only confirmed.
        var isChange: Bool
    }

    private(set) var ledger: HostnameLedger
    /// nil while there is no map.
    private(set) var inForce: RouteLists?
    private(set) var confirmedAt: Date?
    /// Problems at the last look.
    private(set) var problems: [String] = []
    /// Hostnames that the last look would have removed.
    private var missing: Set<Hostname> = []
    private var isLost = false
    private var claims = PortClaims()

    /// - Parameters:
    ///   - inForce: the current map; nil if there is none.
    ///   - confirmedAt: the last confirmation; nil if there was none.
    init(ledger: HostnameLedger, inForce: RouteLists?, confirmedAt: Date?) {
        self.ledger = ledger
        self.inForce = inForce
        self.confirmedAt = confirmedAt
    }

    /// Whether the next look decides on removals of the last one.
    var isPending: Bool { !missing.isEmpty }

    /// The map or the names were removed or replaced.
    mutating func lost() { isLost = true }

    /// - Returns: the next write, to be reported with ``wrote(_:)``; nil for nothing.
    mutating func looked(_ look: Look, at now: Date) -> Write? {
        guard case .contents(let contents) = look else { return nil }
        let requests = contents.requests
        // The base has been validated; a name that does not fit is left out.
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
        // An expired map routes nothing; keeping one of its routes would put it into effect again.
        if !mayKeep, !kept.hostnames.isEmpty { return nil }

        let lists = wanted.keeping(kept)
        var ledger = known
        ledger.record(requests, names: names, lingering: kept.hostnames, at: now)
        let isChange = lists != inForce
        guard isChange || ledger != known || isLost || isDue(at: now) else { return nil }
        return Write(lists: lists, ledger: ledger, confirmedAt: now, isChange: isChange)
    }

    /// Names and map have been written.
    mutating func wrote(_ write: Write) {
        ledger = write.ledger
        inForce = write.lists
        confirmedAt = write.confirmedAt
        isLost = false
        missing.formIntersection(write.lists.hostnames)
    }

    /// Also confirms after the clock was set back.
    private func isDue(at now: Date) -> Bool {
        guard let confirmedAt else { return true }
        return !(0..<Self.confirmationInterval).contains(now.timeIntervalSince(confirmedAt))
    }

    private func isConfirmed(at now: Date) -> Bool {
        guard let confirmedAt else { return false }
        return now.timeIntervalSince(confirmedAt) < TimeInterval(Self.validity)
    }
}
