package import GatewayCore
package import NIOCore

/// Who may be in start-up, and who makes way (DESIGN.md, "Admission", permits "start-up" and "handshake").
///
/// Pure; the time comes in. Nobody is refused: the newest is let in, and beyond a bound somebody goes whose next byte is the
/// client's to send. A place is given back once, however often it is given back.
package struct StartupAdmission: Sendable {
    /// Somebody who has to go, and the bound that is the reason.
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
        /// Since when it is its turn.
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
    /// - Returns: who has to go; this one only when nobody else can.
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
        // Not in its line yet: whoever comes in or comes back is the last to be asked to go.
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

    /// There is a want of something else than places.
    ///
    /// - Returns: who has to go; nil when everybody waits for the gateway.
    package mutating func makeRoom(at now: NIODeadline) -> Eviction? {
        victim(at: now).map { evict($0, .startups) }
    }

    /// A handshake has to wait for its turn.
    ///
    /// - Returns: who waits longest, when too many do.
    package mutating func waitForHandshake(_ id: ConnectionID) -> Eviction? {
        guard places[id] != nil else { return nil }
        handshakes.insert(id, .all)
        guard handshakes.count > limits.maxHandshakes, let oldest = handshakes.oldest(of: .all) else { return nil }
        return evict(oldest, .handshakes)
    }

    /// The handshake's turn has come.
    package mutating func beginHandshake(_ id: ConnectionID) { handshakes.remove(id) }

    /// Who has had less time than this is spared while others have had more: whoever has just come has not had
    /// the time to send its ClientHello, and would otherwise make way for a socket that stopped behind its own.
    private static let courtesy = TimeAmount.seconds(1)

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
            if stage == .linger || place.since + Self.courtesy <= now { return victim }
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
