import GatewayCore
import GatewayHardening
import NIOCore
import RouteMap
import Synchronization

/// The connections that are open, and the permits they hold: the one place that knows all of them.
///
/// Decides with ``StartupAdmission`` and ``SessionAdmission``; tells the handlers of others what a decision
/// means for them by ``GatewayEvent``s, each on its own loop. Never used on the relay path.
package final class ConnectionRegistry: Sendable {
    fileprivate struct Entry {
        var channel: any Channel
        let client: SocketAddress?
        let address: AddressKey
        let since = NIODeadline.now()
        /// From the decision to the end of the client's leg.
        var session: Session?
    }

    fileprivate struct Session {
        let route: Route
        let tally: SessionTally
        var isRouteGone = false
    }

    fileprivate struct State {
        var lastNumber: UInt64 = 0
        /// The most connections that were open at a time, since it was restarted.
        var peak = 0
        var entries: [ConnectionID: Entry] = [:]
        var startups: StartupAdmission
        var sessions: SessionAdmission
        /// Backends that go on without a client, by branch.
        var abandoned = FairQueue<String>()
        var isTicking = false
        var isDraining = false
        var waitingForEnd: [@Sendable () -> Void] = []
        var lastHit: [Limit: NIODeadline] = [:]

        /// What an orderly stop waits for: nobody who has only to close, and no backend without client.
        var isDrained: Bool { sessions.count == 0 && startups.count == startups.count(in: .linger) }
    }

    /// Backends that may go on without a client; of more, the oldest of the branch that has most ends.
    private static let maximumAbandoned = 1_024
    /// Start-ups that end at a time when descriptors have run out.
    private static let roomMade = 16
    /// Between two looks whether a session that does not authenticate makes way for one that waits.
    private static let tick = TimeAmount.milliseconds(250)

    private let log: ConnectionLog
    private let state: Mutex<State>

    init(limits: AdmissionLimits, log: ConnectionLog) {
        self.log = log
        state = Mutex(State(startups: StartupAdmission(limits: limits), sessions: SessionAdmission(limits: limits)))
    }

    // MARK: Start-ups

    /// A connection was accepted.
    func enter(_ channel: any Channel, from client: SocketAddress?) -> ConnectionID {
        let address = AddressKey(client)
        let (id, evictions) = state.withLock { state in
            state.lastNumber += 1
            let id = ConnectionID(number: state.lastNumber)
            state.entries[id] = Entry(channel: channel, client: client, address: address)
            state.peak = max(state.peak, state.entries.count)
            return (id, state.evict(state.startups.move(id, of: address, to: .client(.preface), at: .now())))
        }
        tell(evictions)
        return id
    }

    /// A start-up moves on; nil when it is one no more.
    func move(_ id: ConnectionID, to turn: StartupTurn?) {
        let (evictions, resumed) = state.withLock { state -> ([Told], [@Sendable () -> Void]) in
            guard let entry = state.entries[id] else { return ([], []) }
            let evictions = state.evict(state.startups.move(id, of: entry.address, to: turn, at: .now()))
            return (evictions, state.takeWaitingForEnd())
        }
        tell(evictions)
        for resume in resumed { resume() }
    }

    /// Ends start-ups whose next byte is the client's to send: descriptors have run out before the places have.
    ///
    /// - Returns: whether there was one.
    func makeRoom() -> Bool {
        let evictions = state.withLock { state in
            state.evict((0..<Self.roomMade).compactMap { _ in state.startups.makeRoom(at: .now()) })
        }
        tell(evictions)
        return !evictions.isEmpty
    }

    func waitForHandshake(_ id: ConnectionID) {
        tell(state.withLock { state in state.evict(state.startups.waitForHandshake(id).map { [$0] } ?? []) })
    }

    func beginHandshake(_ id: ConnectionID) {
        state.withLock { $0.startups.beginHandshake(id) }
    }

    // MARK: Sessions

    /// Asks for the permits of a session; a connection that gets them, or waits for them, is no start-up any more.
    ///
    /// - Returns: the decision; ``GatewayEvent/admitted`` ends a wait.
    func beginSession(_ id: ConnectionID, to route: Route, tally: SessionTally) -> SessionAdmission.Verdict {
        let now = NIODeadline.now()
        typealias Outcome = (SessionAdmission.Verdict, [Told], (any EventLoop)?)
        let (verdict, told, ticking) = state.withLock { state -> Outcome in
            guard let entry = state.entries[id] else { return (.refused(.connections), [], nil) }
            let (verdict, change) = state.sessions.begin(id, to: route, from: entry.address, at: now)
            if case .refused(let limit) = verdict {
                state.lastHit[limit] = now
                return (verdict, [], nil)
            }
            state.entries[id]?.session = Session(route: route, tally: tally)
            // Gives a place back, so nobody is evicted.
            _ = state.startups.move(id, of: entry.address, to: nil, at: now)
            return (verdict, state.told(of: change), state.startTicking(on: entry.channel.eventLoop))
        }
        tell(told)
        if let ticking { scheduleTick(on: ticking) }
        return verdict
    }

    /// For which limit a session waits.
    func awaitedLimit(_ id: ConnectionID) -> Limit {
        state.withLock { state in
            let limit = state.sessions.awaitedLimit(id)
            state.lastHit[limit] = .now()
            return limit
        }
    }

    /// The server knows the client.
    func authenticated(_ id: ConnectionID) {
        tell(state.withLock { state in state.told(of: state.sessions.authenticated(id, at: .now())) })
    }

    /// The server did not let the client in.
    func loginFailed(_ id: ConnectionID) {
        let target = state.withLock { state in
            state.sessions.loginFailed(id, at: .now())
            return state.entries[id]?.session?.route.target.id
        }
        if let target { log.metrics.authenticationFailures.count(target) }
    }

    /// The client's leg is over, or the session was never begun. Its permits go back.
    func endSession(_ id: ConnectionID) {
        let (told, resumed) = state.withLock { state -> ([Told], [@Sendable () -> Void]) in
            state.entries[id]?.session = nil
            let told = state.told(of: state.sessions.end(id, at: .now()))
            return (told, state.takeWaitingForEnd())
        }
        tell(told)
        for resume in resumed { resume() }
    }

    /// A backend goes on without its client, on this channel.
    func abandon(_ id: ConnectionID, target: String, channel: any Channel) {
        let told = state.withLock { state -> [Told] in
            guard state.entries[id] != nil else { return [] }
            state.entries[id]?.channel = channel
            state.abandoned.insert(id, target)
            guard state.abandoned.count > Self.maximumAbandoned, let victim = state.abandoned.oldestOfLargest(),
                let entry = state.entries[victim]
            else { return [] }
            state.abandoned.remove(victim)
            return [Told(channel: entry.channel, event: .closeNow)]
        }
        tell(told)
    }

    /// Nothing of the connection is left.
    func leave(_ id: ConnectionID) {
        let (told, resumed) = state.withLock { state -> ([Told], [@Sendable () -> Void]) in
            guard let entry = state.entries.removeValue(forKey: id) else { return ([], []) }
            let now = NIODeadline.now()
            state.abandoned.remove(id)
            // Gives a place back, so nobody is evicted.
            _ = state.startups.move(id, of: entry.address, to: nil, at: now)
            let told = state.told(of: state.sessions.end(id, at: now))
            return (told, state.takeWaitingForEnd())
        }
        tell(told)
        for resume in resumed { resume() }
    }

    // MARK: Changes for many

    /// Tells the sessions whose route went, or is back, by a new route map.
    ///
    /// - Parameter isServed: whether the new map has this route as it is.
    /// - Returns: how many went.
    func routesChanged(isServed: (Route) -> Bool) -> Int {
        let told = state.withLock { state in
            state.entries.compactMap { id, entry -> Told? in
                guard let session = entry.session else { return nil }
                let isGone = !isServed(session.route)
                guard isGone != session.isRouteGone else { return nil }
                state.entries[id]?.session?.isRouteGone = isGone
                return Told(channel: entry.channel, event: isGone ? .routeGone : .routeReturned)
            }
        }
        tell(told)
        return told.count { $0.event == .routeGone }
    }

    /// Whether the gateway is stopping: no session begins then.
    package var isDraining: Bool { state.withLock { $0.isDraining } }

    /// From now on no session begins. Who has not begun a start-up is sent away.
    func startDraining() {
        let told = state.withLock { state in
            state.isDraining = true
            return state.entries.values.filter { $0.session == nil }.map { Told(channel: $0.channel, event: .draining) }
        }
        tell(told)
    }

    /// Calls back once no session and no start-up is left: at once, or from the thread that ends the last one.
    func whenDrained(_ resume: @escaping @Sendable () -> Void) {
        let isDrained = state.withLock { state in
            if !state.isDrained { state.waitingForEnd.append(resume) }
            return state.isDrained
        }
        if isDrained { resume() }
    }

    /// Ends every connection in an orderly way: each says what is to be said, and has a bounded time to close.
    func finishAll() { tellAll(.finish) }

    /// Closes every connection now.
    func closeAll() { tellAll(.closeNow) }

    private func tellAll(_ event: GatewayEvent) {
        tell(state.withLock { $0.entries.values.map { Told(channel: $0.channel, event: event) } })
    }

    // MARK: What stands

    /// Connections of every kind that are open.
    package var openCount: Int { state.withLock { $0.entries.count } }
    /// With the most that were open since the start, or since ``restartPeak()``.
    package var openAndPeakCount: (open: Int, peak: Int) { state.withLock { ($0.entries.count, $0.peak) } }
    func restartPeak() { state.withLock { $0.peak = $0.entries.count } }
    package var sessionCount: Int { state.withLock { $0.sessions.count } }
    package var startupCount: Int { state.withLock { $0.startups.count } }
    package var waitingHandshakeCount: Int { state.withLock { $0.startups.handshakesWaiting } }

    /// Limits that were reached lately, in order of name.
    func limitsHit(within time: TimeAmount, at now: NIODeadline = .now()) -> [Limit] {
        state.withLock { $0.lastHit.filter { $1 + time > now }.keys.sorted { $0.rawValue < $1.rawValue } }
    }

    /// Sessions by the branch they lead to.
    func countsByTarget() -> [String: Int] {
        state.withLock { state in
            state.entries.values.reduce(into: [:]) { counts, entry in
                if let session = entry.session { counts[session.route.target.id, default: 0] += 1 }
            }
        }
    }

    struct SessionView: Sendable {
        let id: ConnectionID
        let target: Target
        let client: SocketAddress?
        let since: NIODeadline
        let tally: SessionTally
    }

    /// The sessions, in the order in which they were accepted.
    func sessions() -> [SessionView] {
        state.withLock { state in
            state.entries.compactMap { id, entry in
                entry.session.map {
                    SessionView(
                        id: id,
                        target: $0.route.target,
                        client: entry.client,
                        since: entry.since,
                        tally: $0.tally
                    )
                }
            }
        }
        .sorted { $0.id.number < $1.id.number }
    }

    /// Whether no permit is held, not even a count.
    package var isEmpty: Bool { state.withLock { $0.entries.isEmpty && $0.startups.isEmpty && $0.sessions.isEmpty } }

    // MARK: Telling

    fileprivate struct Told {
        let channel: any Channel
        let event: GatewayEvent
    }

    private func tell(_ told: [Told]) {
        for one in told {
            switch one.event {
            case .evicted(let limit), .evictedSession(let limit): log.metrics.evictions.count(limit)
            case .admitted, .routeGone, .routeReturned, .draining, .finish, .closeNow: break
            }
            // Later, and on its loop: who tells may be in the middle of an event of its own.
            one.channel.eventLoop.execute {
                one.channel.pipeline.fireUserInboundEventTriggered(one.event)
            }
        }
    }

    private func scheduleTick(on loop: any EventLoop) {
        loop.scheduleTask(in: Self.tick) { [self] in
            let (told, isOver) = state.withLock { state -> ([Told], Bool) in
                let told = state.told(of: state.sessions.tick(at: .now()))
                state.isTicking = state.sessions.needsTick
                return (told, !state.isTicking)
            }
            tell(told)
            if !isOver { scheduleTick(on: loop) }
        }
    }
}

extension ConnectionRegistry.State {
    fileprivate mutating func evict(_ evictions: [StartupAdmission.Eviction]) -> [ConnectionRegistry.Told] {
        evictions.compactMap { eviction in
            lastHit[eviction.limit] = .now()
            return entries[eviction.id].map { .init(channel: $0.channel, event: .evicted(eviction.limit)) }
        }
    }

    fileprivate mutating func told(of change: SessionAdmission.Change) -> [ConnectionRegistry.Told] {
        if !change.evicted.isEmpty { lastHit[.unauthenticatedPerRoute] = .now() }
        let admitted = change.admitted.compactMap { id in
            entries[id].map { ConnectionRegistry.Told(channel: $0.channel, event: .admitted) }
        }
        return admitted
            + change.evicted.compactMap { id in
                entries[id].map {
                    ConnectionRegistry.Told(channel: $0.channel, event: .evictedSession(.unauthenticatedPerRoute))
                }
            }
    }

    fileprivate mutating func startTicking(on loop: any EventLoop) -> (any EventLoop)? {
        guard sessions.needsTick, !isTicking else { return nil }
        isTicking = true
        return loop
    }

    fileprivate mutating func takeWaitingForEnd() -> [@Sendable () -> Void] {
        guard isDraining, !waitingForEnd.isEmpty, isDrained else { return [] }
        defer { waitingForEnd = [] }
        return waitingForEnd
    }
}
