import GatewayCore
import GatewayHardening
import NIOCore
import RouteMap

/// Admission beside a second, plain bookkeeping of the same permits: who holds what must agree after every event.
///
/// Its methods are those of the gateway's `ConnectionRegistry`, whose notices to other connections arrive later.
struct AdmissionModel {
    struct Notice {
        let id: ConnectionID
        let event: Event

        enum Event {
            /// A session that waited may dial.
            case admitted
            /// A start-up makes way.
            case evicted
            /// A session that has not authenticated makes way.
            case evictedSession
        }
    }

    fileprivate enum Stage: Hashable {
        case waiting
        case unauthenticated(since: NIODeadline)
        case authenticated
    }

    private struct Session {
        let address: AddressKey
        let route: Route
        var stage: Stage
    }

    private struct Visitor: Hashable {
        let address: AddressKey
        let target: String
    }

    private let limits: AdmissionLimits
    private var startups: StartupAdmission
    private var sessions: SessionAdmission
    private var open: [ConnectionID: AddressKey] = [:]
    private var places: [ConnectionID: StartupTurn] = [:]
    private var handshakes: Set<ConnectionID> = []
    private var held: [ConnectionID: Session] = [:]
    private var failures: [Visitor: (count: Int, last: NIODeadline)] = [:]
    private var notices: [Notice] = []
    /// Never earlier than it was.
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    init(limits: AdmissionLimits) {
        self.limits = limits
        startups = StartupAdmission(limits: limits)
        sessions = SessionAdmission(limits: limits)
    }

    mutating func pass(_ time: TimeAmount) { now = now + time }

    /// Takes the oldest notice, of one connection or of any.
    mutating func takeNotice(of id: ConnectionID? = nil) -> Notice? {
        notices.firstIndex { id == nil || $0.id == id }.map { notices.remove(at: $0) }
    }

    func hasNotice(_ id: ConnectionID) -> Bool { notices.contains { $0.id == id } }
    func hasPlace(_ id: ConnectionID) -> Bool { places[id] != nil }
    func hasSession(_ id: ConnectionID) -> Bool { held[id] != nil }

    // MARK: Start-ups

    mutating func enter(_ id: ConnectionID, of address: AddressKey) throws(Violation) {
        open[id] = address
        try move(id, to: .client(.preface))
    }

    mutating func move(_ id: ConnectionID, to turn: StartupTurn?) throws(Violation) {
        guard let address = open[id] else { return }
        let evictions = startups.move(id, of: address, to: turn, at: now)
        if places[id] != turn { handshakes.remove(id) }
        places[id] = turn
        for eviction in evictions { try evicted(eviction, by: id) }
    }

    mutating func makeRoom() throws(Violation) {
        let someoneCanGo = places.values.contains { $0 != .gateway }
        let eviction = startups.makeRoom(at: now)
        try require((eviction != nil) == someoneCanGo, "room is made of nothing, or not made")
        if let eviction { try evicted(eviction, by: nil) }
    }

    mutating func waitForHandshake(_ id: ConnectionID) throws(Violation) {
        let eviction = startups.waitForHandshake(id)
        if places[id] != nil { handshakes.insert(id) }
        if let eviction {
            try require(handshakes.contains(eviction.id), "a handshake makes way that does not wait")
            try evicted(eviction, by: eviction.id)
        }
    }

    mutating func beginHandshake(_ id: ConnectionID) {
        startups.beginHandshake(id)
        handshakes.remove(id)
    }

    private mutating func evicted(_ eviction: StartupAdmission.Eviction, by id: ConnectionID?) throws(Violation) {
        guard let turn = places.removeValue(forKey: eviction.id) else {
            throw Violation("a start-up without a place makes way")
        }
        handshakes.remove(eviction.id)
        try require(turn != .gateway || eviction.id == id, "a start-up makes way that waits for the gateway")
        notices.append(Notice(id: eviction.id, event: .evicted))
    }

    // MARK: Sessions

    mutating func begin(_ id: ConnectionID, to route: Route) throws(Violation) -> SessionAdmission.Verdict {
        guard let address = open[id] else { return .refused(.connections) }
        let reached = reachedLimits(address, route)
        let (verdict, change) = sessions.begin(id, to: route, from: address, at: now)
        switch verdict {
        case .refused(let limit):
            try require(reached.contains(limit), "refused by \(limit), which is not reached")
            try require(change == .init(), "a session that is refused changes others")
            return verdict
        case .admitted: held[id] = Session(address: address, route: route, stage: .unauthenticated(since: now))
        case .waiting: held[id] = Session(address: address, route: route, stage: .waiting)
        }
        try require(reached.subtracting([.authenticationFailures]).isEmpty, "\(verdict) though \(reached) are reached")
        try apply(change)
        try move(id, to: nil)
        return verdict
    }

    private func reachedLimits(_ address: AddressKey, _ route: Route) -> Set<Limit> {
        var reached: Set<Limit> = []
        if held.count >= limits.maxConnections { reached.insert(.connections) }
        if let most = mostSessions(of: route), sessionCount({ $0.route.target.id == route.target.id }) >= most {
            reached.insert(.connectionsPerRoute)
        }
        if limits.maxConnectionsPerAddress > 0,
            sessionCount({ $0.address == address }) >= limits.maxConnectionsPerAddress
        {
            reached.insert(.connectionsPerAddress)
        }
        if limits.maxAuthenticationFailures > 0,
            let failed = failures[Visitor(address: address, target: route.target.id)],
            failed.count >= limits.maxAuthenticationFailures, failed.last + AdmissionLimits.failurePenalty > now
        {
            reached.insert(.authenticationFailures)
        }
        return reached
    }

    private func mostSessions(of route: Route) -> Int? {
        route.maxConnections ?? (limits.maxConnectionsPerRoute > 0 ? limits.maxConnectionsPerRoute : nil)
    }

    private func sessionCount(_ isCounted: (Session) -> Bool) -> Int { held.values.count(where: isCounted) }

    mutating func tick() throws(Violation) { try apply(sessions.tick(at: now)) }

    mutating func authenticated(_ id: ConnectionID) throws(Violation) {
        let change = sessions.authenticated(id, at: now)
        if case .unauthenticated = held[id]?.stage { held[id]?.stage = .authenticated }
        try apply(change)
    }

    mutating func loginFailed(_ id: ConnectionID) {
        sessions.loginFailed(id, at: now)
        guard let session = held[id] else { return }
        let visitor = Visitor(address: session.address, target: session.route.target.id)
        failures[visitor] = ((failures[visitor]?.count ?? 0) + 1, now)
    }

    mutating func endSession(_ id: ConnectionID) throws(Violation) {
        let change = sessions.end(id, at: now)
        held[id] = nil
        try apply(change)
    }

    func awaitedLimit(_ id: ConnectionID) -> Limit { sessions.awaitedLimit(id) }

    mutating func leave(_ id: ConnectionID) throws(Violation) {
        guard open[id] != nil else { return }
        try move(id, to: nil)
        try endSession(id)
        open[id] = nil
    }

    private mutating func apply(_ change: SessionAdmission.Change) throws(Violation) {
        for id in change.evicted {
            guard case .unauthenticated(let since) = held.removeValue(forKey: id)?.stage else {
                throw Violation("a session makes way that has authenticated, waits or is over")
            }
            try require(since + AdmissionLimits.unauthenticatedGrace <= now, "a session makes way too early")
            notices.append(Notice(id: id, event: .evictedSession))
        }
        for id in change.admitted {
            guard held[id]?.stage == .waiting else { throw Violation("a session is admitted that does not wait") }
            held[id]?.stage = .unauthenticated(since: now)
            notices.append(Notice(id: id, event: .admitted))
        }
    }

    // MARK: What holds after every event

    func check() throws(Violation) {
        try checkStartups()
        try checkSessions()
        try checkWaiting()
    }

    private func checkStartups() throws(Violation) {
        try require(startups.count == places.count, "\(startups.count) places are held, of \(places.count) start-ups")
        try require(startups.handshakesWaiting == handshakes.count, "handshakes wait that do not, or the reverse")
        try require(startups.isEmpty == places.isEmpty, "a place is left, or lost")
        for stage in StartupTurn.Stage.allCases {
            let count = places.values.count { $0 == .client(stage) }
            try require(
                startups.count(in: stage) == count,
                "\(startups.count(in: stage)) of \(count) start-ups are in \(stage)"
            )
        }
        try require(places.count <= limits.maxStartups, "more start-ups than allowed")
        try require(handshakes.count <= limits.maxHandshakes, "more handshakes wait than allowed")
        try require(startups.count(in: .linger) <= limits.maxLingers, "more lingers than allowed")
        let byAddress = Dictionary(grouping: places.keys) { open[$0] }
        try require(
            byAddress.values.allSatisfy { $0.count <= limits.maxStartupsPerAddress },
            "more start-ups of an address than allowed"
        )
    }

    private func checkSessions() throws(Violation) {
        try require(sessions.count == held.count, "\(sessions.count) permits are held, by \(held.count) sessions")
        try require(sessions.isEmpty == held.isEmpty, "a permit is left, or lost")
        try require(held.count <= limits.maxConnections, "more sessions than allowed")
        for route in FuzzRoutes.all {
            let target = route.target.id
            let count = sessionCount { $0.route.target.id == target }
            let unauthenticated = sessionCount { $0.route.target.id == target && $0.stage.isUnauthenticated }
            try require(sessions.count(ofTarget: target) == count, "the sessions of a branch are miscounted")
            try require(count <= mostSessions(of: route) ?? .max, "more sessions of a branch than allowed")
            let counted = sessions.unauthenticatedCount(ofTarget: target)
            try require(counted == unauthenticated, "\(counted) of \(unauthenticated) logins of a branch are counted")
            try require(counted <= most(limits.maxUnauthenticatedPerRoute), "more logins of a branch than allowed")
        }
    }

    /// Nobody waits for a limit that is not reached.
    private func checkWaiting() throws(Violation) {
        for (address, ids) in Dictionary(grouping: held.keys, by: { held[$0]?.address }) {
            guard let address else { continue }
            var inside = 0
            for id in ids {
                guard let session = held[id] else { continue }
                let isWaitingForRoute =
                    session.stage == .waiting && sessions.awaitedLimit(id) == .unauthenticatedPerRoute
                if session.stage.isUnauthenticated || isWaitingForRoute { inside += 1 }
                if isWaitingForRoute {
                    let count = sessions.unauthenticatedCount(ofTarget: session.route.target.id)
                    try require(
                        count == most(limits.maxUnauthenticatedPerRoute),
                        "a session waits for a branch that has room"
                    )
                    try require(sessions.needsTick, "nobody looks after a session that waits")
                }
            }
            let count = sessions.unauthenticatedCount(of: address)
            try require(count == inside, "\(count) of \(inside) logins of an address are counted")
            try require(count <= most(limits.maxUnauthenticatedPerAddress), "more logins of an address than allowed")
            let waits = ids.contains {
                held[$0]?.stage == .waiting && sessions.awaitedLimit($0) == .unauthenticatedPerAddress
            }
            try require(
                !waits || count == most(limits.maxUnauthenticatedPerAddress),
                "a session waits for an address that has room"
            )
        }
    }

    /// - Parameter limit: 0 for none.
    private func most(_ limit: Int) -> Int { limit == 0 ? .max : limit }
}

extension AdmissionModel.Stage {
    fileprivate var isUnauthenticated: Bool {
        if case .unauthenticated = self { true } else { false }
    }
}
