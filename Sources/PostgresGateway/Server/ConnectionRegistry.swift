import GatewayCore
import GatewayHardening
import NIOCore
import RouteMap
import Synchronization

/// The connections that are open, and the permits they hold: the one place that knows all of them.
///
/// Decides with ``StartupAdmission`` and ``SessionAdmission``; notifies the handlers of other connections
/// affected by a decision with ``GatewayEvent``s, each on its own loop. Never used on the relay path.
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

        /// The connections that an orderly stop waits for: not those that have only to close, nor backends without a client.
        var isDrained: Bool { sessions.count == 0 && startups.count == startups.count(in: .linger) }
    }

    /// Backends that may go on without a client; of more, the oldest of the branch that has most ends.
    private static let maximumAbandoned = 1_024
    /// Start-ups that end at a time when descriptors have run out.
    private static let roomMade = 16
    /// Between two looks whether a session that does not authenticate makes way for one that waits.
    private static let tick = TimeAmount.milliseconds(250)

    private let metrics: MetricsRegistry
    private let state: Mutex<State>

    init(limits: AdmissionLimits, metrics: MetricsRegistry) {
        self.metrics = metrics
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
        send(evictions)
        return id
    }

    /// A start-up progresses; nil when it has ended.
    func move(_ id: ConnectionID, to turn: StartupTurn?) {
        let (evictions, resumed) = state.withLock { state -> ([Notice], [@Sendable () -> Void]) in
            guard let entry = state.entries[id] else { return ([], []) }
            let evictions = state.evict(state.startups.move(id, of: entry.address, to: turn, at: .now()))
            return (evictions, state.takeWaitingForEnd())
        }
        send(evictions)
        for resume in resumed { resume() }
    }

    /// Ends start-ups whose next byte is the client's to send: descriptors have run out before the places have.
    ///
    /// - Returns: whether there was one.
    func makeRoom() -> Bool {
        let evictions = state.withLock { state in
            state.evict((0..<Self.roomMade).compactMap { _ in state.startups.makeRoom(at: .now()) })
        }
        send(evictions)
        return !evictions.isEmpty
    }

    func waitForHandshake(_ id: ConnectionID) {
        send(state.withLock { state in state.evict(state.startups.waitForHandshake(id).map { [$0] } ?? []) })
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
        typealias Outcome = (SessionAdmission.Verdict, [Notice], (any EventLoop)?)
        let (verdict, notices, ticking) = state.withLock { state -> Outcome in
            guard let entry = state.entries[id] else { return (.refused(.connections), [], nil) }
            let (verdict, change) = state.sessions.begin(id, to: route, from: entry.address, at: now)
            if case .refused(let limit) = verdict {
                state.lastHit[limit] = now
                return (verdict, [], nil)
            }
            state.entries[id]?.session = Session(route: route, tally: tally)
            // Gives a place back, so nobody is evicted.
            _ = state.startups.move(id, of: entry.address, to: nil, at: now)
            return (verdict, state.notices(for: change), state.startTicking(on: entry.channel.eventLoop))
        }
        send(notices)
        if let ticking { scheduleTick(on: ticking) }
        return verdict
    }

    /// The limit that a session waits for.
    func awaitedLimit(_ id: ConnectionID) -> Limit {
        state.withLock { state in
            let limit = state.sessions.awaitedLimit(id)
            state.lastHit[limit] = .now()
            return limit
        }
    }

    /// The server has authenticated the client.
    func authenticated(_ id: ConnectionID) {
        send(state.withLock { state in state.notices(for: state.sessions.authenticated(id, at: .now())) })
    }

    /// The server rejected the client's login.
    func loginFailed(_ id: ConnectionID) {
        state.withLock { $0.sessions.loginFailed(id, at: .now()) }
    }

    /// The client's leg is over, or the session was never begun. Its permits go back.
    func endSession(_ id: ConnectionID) {
        let (notices, resumed) = state.withLock { state -> ([Notice], [@Sendable () -> Void]) in
            if let session = state.entries[id]?.session { countBytes(of: session) }
            state.entries[id]?.session = nil
            let notices = state.notices(for: state.sessions.end(id, at: .now()))
            return (notices, state.takeWaitingForEnd())
        }
        send(notices)
        for resume in resumed { resume() }
    }

    /// A backend goes on without its client, on this channel.
    func abandon(_ id: ConnectionID, target: String, channel: any Channel) {
        let notices = state.withLock { state -> [Notice] in
            guard state.entries[id] != nil else { return [] }
            state.entries[id]?.channel = channel
            state.abandoned.insert(id, target)
            guard state.abandoned.count > Self.maximumAbandoned, let victim = state.abandoned.oldestOfLargest(),
                let entry = state.entries[victim]
            else { return [] }
            state.abandoned.remove(victim)
            return [Notice(channel: entry.channel, event: .closeNow)]
        }
        send(notices)
    }

    /// The connection is closed on both sides.
    func leave(_ id: ConnectionID) {
        let (notices, resumed) = state.withLock { state -> ([Notice], [@Sendable () -> Void]) in
            guard let entry = state.entries.removeValue(forKey: id) else { return ([], []) }
            if let session = entry.session { countBytes(of: session) }
            let now = NIODeadline.now()
            state.abandoned.remove(id)
            // Gives a place back, so nobody is evicted.
            _ = state.startups.move(id, of: entry.address, to: nil, at: now)
            let notices = state.notices(for: state.sessions.end(id, at: now))
            return (notices, state.takeWaitingForEnd())
        }
        send(notices)
        for resume in resumed { resume() }
    }

    /// Called in the critical section in which the session leaves, so that ``targetCounts()`` has its bytes once.
    private func countBytes(of session: Session) {
        metrics.targets.count(session.route.target.id) { $0.add(session.tally) }
    }

    // MARK: Changes for all connections

    /// Notifies the sessions whose route a new route map removes or restores.
    ///
    /// - Parameter isServed: whether the new map has this route as it is.
    /// - Returns: how many went.
    func routesChanged(isServed: (Route) -> Bool) -> Int {
        let notices = state.withLock { state in
            state.entries.compactMap { id, entry -> Notice? in
                guard let session = entry.session else { return nil }
                let isGone = !isServed(session.route)
                guard isGone != session.isRouteGone else { return nil }
                state.entries[id]?.session?.isRouteGone = isGone
                return Notice(channel: entry.channel, event: isGone ? .routeGone : .routeReturned)
            }
        }
        send(notices)
        return notices.count { $0.event == .routeGone }
    }

    /// Whether the gateway is stopping: no session begins then.
    package var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Admits no more sessions, and closes connections that have not begun a start-up.
    func startDraining() {
        let notices = state.withLock { state in
            state.isDraining = true
            return state.entries.values.filter { $0.session == nil }.map {
                Notice(channel: $0.channel, event: .draining)
            }
        }
        send(notices)
    }

    /// Calls back once no session and no start-up is left: at once, or from the thread that ends the last one.
    func whenDrained(_ resume: @escaping @Sendable () -> Void) {
        let isDrained = state.withLock { state in
            if !state.isDrained { state.waitingForEnd.append(resume) }
            return state.isDrained
        }
        if isDrained { resume() }
    }

    /// Ends every connection in an orderly way: each sends its final message and has a bounded time to close.
    func finishAll() { notifyAll(.finish) }

    /// Closes every connection now.
    func closeAll() { notifyAll(.closeNow) }

    private func notifyAll(_ event: GatewayEvent) {
        send(state.withLock { $0.entries.values.map { Notice(channel: $0.channel, event: event) } })
    }

    // MARK: State

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

    /// The counts of each branch of the route map, and its open sessions, whose bytes are included.
    func targetCounts() -> [String: (counts: TargetCount, sessions: Int)] {
        state.withLock { state in
            var all = metrics.targets.all.mapValues { (counts: $0, sessions: 0) }
            for entry in state.entries.values {
                guard let session = entry.session, let index = all.index(forKey: session.route.target.id) else {
                    continue
                }
                all.values[index].counts.add(session.tally)
                all.values[index].sessions += 1
            }
            return all
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

    // MARK: Notices

    fileprivate struct Notice {
        let channel: any Channel
        let event: GatewayEvent
    }

    private func send(_ notices: [Notice]) {
        for notice in notices {
            switch notice.event {
            case .evicted(let limit), .evictedSession(let limit): metrics.evictions.count(limit)
            case .admitted, .routeGone, .routeReturned, .draining, .finish, .closeNow: break
            }
            // Later, and on its loop: the sender may be in the middle of an event of its own.
            notice.channel.eventLoop.execute {
                notice.channel.pipeline.fireUserInboundEventTriggered(notice.event)
            }
        }
    }

    private func scheduleTick(on loop: any EventLoop) {
        loop.scheduleTask(in: Self.tick) { [self] in
            let (notices, isOver) = state.withLock { state -> ([Notice], Bool) in
                let notices = state.notices(for: state.sessions.tick(at: .now()))
                state.isTicking = state.sessions.needsTick
                return (notices, !state.isTicking)
            }
            send(notices)
            if !isOver { scheduleTick(on: loop) }
        }
    }
}

extension ConnectionRegistry.State {
    fileprivate mutating func evict(_ evictions: [StartupAdmission.Eviction]) -> [ConnectionRegistry.Notice] {
        evictions.compactMap { eviction in
            lastHit[eviction.limit] = .now()
            return entries[eviction.id].map { .init(channel: $0.channel, event: .evicted(eviction.limit)) }
        }
    }

    fileprivate mutating func notices(for change: SessionAdmission.Change) -> [ConnectionRegistry.Notice] {
        if !change.evicted.isEmpty { lastHit[.unauthenticatedPerRoute] = .now() }
        let admitted = change.admitted.compactMap { id in
            entries[id].map { ConnectionRegistry.Notice(channel: $0.channel, event: .admitted) }
        }
        return admitted
            + change.evicted.compactMap { id in
                entries[id].map {
                    ConnectionRegistry.Notice(channel: $0.channel, event: .evictedSession(.unauthenticatedPerRoute))
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

extension TargetCount {
    fileprivate mutating func add(_ tally: SessionTally) {
        bytesIn += tally.bytesIn
        bytesOut += tally.bytesOut
    }
}
