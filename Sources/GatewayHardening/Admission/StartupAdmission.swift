package import GatewayCore
package import NIOCore

/// Admits start-ups and selects which to evict (DESIGN.md, "Admission", permits "start-up" and "handshake").
///
/// Pure; takes the time as a parameter. Never refuses: admits the newest and, above a limit, evicts a start-up that is
/// waiting for its client. A place is given back once, however often it is given back.
package struct StartupAdmission: Sendable {
    /// A start-up to close, and the limit that is the reason.
    package struct Eviction: Hashable, Sendable {
        package let id: ConnectionID
        package let limit: Limit

        package init(id: ConnectionID, limit: Limit) {
            self.id = id
            self.limit = limit
        }
    }

    private struct Place: Sendable {
        var address: AddressKey
        var turn: StartupTurn
        /// When its turn began.
        var since: NIODeadline
    }

    private let limits: AdmissionLimits
    private var places: [ConnectionID: Place] = [:]
    private var byAddress: [AddressKey: Int] = [:]
    private var stages: [StartupTurn.Stage: FairQueue<AddressKey>] = [:]
    private var handshakes = FairQueue<AllConnections>()

    /// The one group of a queue that knows none.
    private enum AllConnections: Hashable, Sendable { case all }

    package init(limits: AdmissionLimits) {
        self.limits = limits
        for stage in StartupTurn.Stage.allCases { stages[stage] = FairQueue() }
    }

    package var count: Int { places.count }
    package var handshakesWaiting: Int { handshakes.count }
    package func count(in stage: StartupTurn.Stage) -> Int { stages[stage]?.count ?? 0 }

    /// A start-up begins, moves on, or comes back to linger.
    ///
    /// - Parameter turn: nil ends it.
    /// - Returns: the start-ups to close; this one only if no other can be.
    package mutating func move(
        _ id: ConnectionID,
        of address: AddressKey,
        to turn: StartupTurn?,
        at now: NIODeadline
    ) -> [Eviction] {
        let old = places[id]
        guard old?.turn != turn else { return [] }
        leave(id)
        guard let turn else { return [] }
        places[id] = Place(address: address, turn: turn, since: now)
        byAddress[address, default: 0] += 1
        // Not in its line yet: evict a new or returning start-up last.
        var evictions: [Eviction] = []
        if turn == .client(.linger), count(in: .linger) >= limits.maxLingers,
            let victim = stages[.linger]?.oldestOfLargest()
        {
            evictions.append(evict(victim, .startups))
        }
        if old == nil, byAddress[address, default: 0] > limits.maxStartupsPerAddress {
            evictions.append(evict(victim(of: address, at: now) ?? id, .startupsPerAddress))
        }
        if old == nil, places.count > limits.maxStartups {
            evictions.append(evict(victim(at: now) ?? id, .startups))
        }
        if places[id] != nil, case .client(let stage) = turn { stages[stage]?.insert(id, address) }
        return evictions
    }

    /// A resource other than places has run out.
    ///
    /// - Returns: the start-up to close; nil when all of them wait for the gateway.
    package mutating func makeRoom(at now: NIODeadline) -> Eviction? {
        victim(at: now).map { evict($0, .startups) }
    }

    /// A handshake has to wait for its turn.
    ///
    /// - Returns: the one waiting longest, if too many are waiting.
    package mutating func waitForHandshake(_ id: ConnectionID) -> Eviction? {
        guard places[id] != nil else { return nil }
        handshakes.insert(id, .all)
        guard handshakes.count > limits.maxHandshakes, let oldest = handshakes.oldest(of: .all) else { return nil }
        return evict(oldest, .handshakes)
    }

    /// The handshake's turn has come.
    package mutating func beginHandshake(_ id: ConnectionID) { handshakes.remove(id) }

    /// Spare a start-up younger than this while there are older ones: a new client has not had time to send its
    /// ClientHello, and would otherwise be closed in favor of an idle socket behind it.
    private static let gracePeriod = TimeAmount.seconds(1)

    private mutating func victim(of address: AddressKey, at now: NIODeadline) -> ConnectionID? {
        victim(at: now) { $0.oldest(of: address) }
    }

    private mutating func victim(at now: NIODeadline) -> ConnectionID? {
        victim(at: now) { $0.oldestOfLargest() }
    }

    private mutating func victim(
        at now: NIODeadline,
        _ choose: (inout FairQueue<AddressKey>) -> ConnectionID?
    ) -> ConnectionID? {
        var spared: ConnectionID?
        for stage in StartupTurn.Stage.allCases {
            guard var line = stages[stage], let victim = choose(&line), let place = places[victim] else { continue }
            stages[stage] = line
            if stage == .linger || place.since + Self.gracePeriod <= now { return victim }
            if spared == nil { spared = victim }
        }
        return spared
    }

    private mutating func evict(_ id: ConnectionID, _ limit: Limit) -> Eviction {
        leave(id)
        return Eviction(id: id, limit: limit)
    }

    private mutating func leave(_ id: ConnectionID) {
        guard let place = places.removeValue(forKey: id) else { return }
        let count = byAddress[place.address, default: 1] - 1
        byAddress[place.address] = count == 0 ? nil : count
        if case .client(let stage) = place.turn { stages[stage]?.remove(id) }
        handshakes.remove(id)
    }

    /// Whether nothing is held, not even a count.
    package var isEmpty: Bool {
        places.isEmpty && byAddress.isEmpty && handshakes.isEmpty && stages.values.allSatisfy(\.isEmpty)
    }
}
