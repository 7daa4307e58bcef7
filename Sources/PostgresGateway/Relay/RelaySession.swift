import GatewayCore
import Logging
import NIOCore
import PostgresWire
import RouteMap

/// The two legs of a session on one event loop: what comes in on one goes out on the other.
///
/// Backpressure: a leg is read only while the other one accepts data. Bytes are opaque except
/// for the server's messages up to its first ReadyForQuery, which are looked at in passing.
final class RelaySession {
    /// Most bytes of payload in one TLS record to the client.
    ///
    /// Asynchronous libpq clients read 8 KiB at a time and hang when TLS holds back more of a record
    /// than they asked for; PostgreSQL itself never writes larger ones (`secure_write`, 8 KiB
    /// buffer). NIOSSL makes one record of every buffer up to 16 KiB, so the buffers are cut.
    static let maximumRecordPayload = 8_192

    /// The gateway's services for a session.
    struct Services {
        let registry: ConnectionRegistry
        let cancelKeys: CancelKeys
        let times: ConnectionTimes
    }

    private enum Timer: Hashable {
        case authentication
        case linger(Side)
        case abandonment
        case routeGrace
        case idle
    }

    private let route: Route
    private let trace: ConnectionTrace
    private let tally: SessionTally
    private let services: Services
    private var machine: RelayMachine
    private var upstream: UpstreamMachine?
    private var key: CancelKey?
    private var client: ChannelHandlerContext?
    private var backend: ChannelHandlerContext?
    private var isClientReadPending = false
    private var isBackendReadPending = false
    private var hasClientTerminated = false
    private var timers: [Timer: Scheduled<Void>] = [:]
    /// Who ended the session first, for the log.
    private var endReason: String?
    private let isIdleWatched: Bool

    init(route: Route, trace: ConnectionTrace, services: Services) {
        self.route = route
        self.trace = trace
        self.services = services
        tally = trace.tally
        upstream = UpstreamMachine(route: route)
        isIdleWatched = services.times.idle > .zero
        machine = RelayMachine(idleTimeout: isIdleWatched ? services.times.idle : nil, at: .now())
    }

    /// Sends the StartupMessage, and what the client sent behind it, to the backend.
    func start(toBackend bytes: ByteBuffer, dialledAt start: NIODeadline) {
        tally.addBytesIn(bytes.readableBytes)
        backend?.writeAndFlush(NIOAny(bytes), promise: nil)
        schedule(.authentication, at: start + services.times.authentication) { [self] in
            guard upstream?.isUnauthenticated == true else { return }
            end(with: upstream?.authenticationTimedOut(), because: "authentication_timeout")
        }
        scheduleIdle()
    }

    // MARK: Attaching

    func attach(_ context: ChannelHandlerContext, as side: Side) {
        switch side {
        case .client: client = context
        case .backend: backend = context
        }
    }

    func detach(_ side: Side) {
        switch side {
        case .client: client = nil
        case .backend: backend = nil
        }
    }

    private func context(_ side: Side) -> ChannelHandlerContext? {
        switch side {
        case .client: client
        case .backend: backend
        }
    }

    // MARK: Bytes

    func received(_ bytes: ByteBuffer, from side: Side) {
        switch side {
        case .client:
            tally.addBytesIn(bytes.readableBytes)
            hasClientTerminated = TerminateMessage.ends(bytes)
            backend?.write(NIOAny(bytes), promise: nil)
        case .backend:
            // The key is known before the client can have it, so no cancel comes too early.
            if upstream != nil { observe(bytes) }
            if tally.bytesOut == 0 { trace.logStart() }
            tally.addBytesOut(bytes.readableBytes)
            sendToClient(bytes)
        }
        if isIdleWatched { machine.active(at: .now()) }
    }

    func readCompleted(_ side: Side) {
        context(side.other)?.flush()
    }

    private func sendToClient(_ bytes: ByteBuffer) {
        guard let client else { return }
        var rest = bytes
        while rest.readableBytes > Self.maximumRecordPayload,
            let part = rest.readSlice(length: Self.maximumRecordPayload)
        {
            client.write(NIOAny(part), promise: nil)
        }
        client.write(NIOAny(rest), promise: nil)
    }

    private func observe(_ bytes: ByteBuffer) {
        for action in upstream?.received(bytes) ?? [] {
            switch action {
            case .learn(let found):
                guard key == nil, let address = backend?.remoteAddress else { continue }
                key = found
                tally.setProcessID(found.processID)
                services.cancelKeys.add(found, session: trace.id, backend: address)
            case .authenticated:
                cancel(.authentication)
                services.registry.authenticated(trace.id)
            case .loginFailed:
                trace.countLoginFailure()
                services.registry.loginFailed(trace.id)
            case .ready:
                trace.countReady()
                machine.ready()
            }
        }
        if upstream?.isFinished == true { upstream = nil }
    }

    // MARK: Backpressure

    /// Whether this leg may be read now; if not, it is read when the other leg is writable again.
    func canRead(_ side: Side) -> Bool {
        // Drop data for a closed leg, so that its partner can finish sending and end.
        let isAllowed = context(side.other).map { !$0.channel.isActive || $0.channel.isWritable } ?? true
        setReadPending(!isAllowed, side)
        return isAllowed
    }

    func writabilityChanged(_ side: Side) {
        guard let written = context(side), written.channel.isWritable else { return }
        let reading = side.other
        guard reading == .client ? isClientReadPending : isBackendReadPending else { return }
        setReadPending(false, reading)
        context(reading)?.read()
    }

    private func setReadPending(_ isPending: Bool, _ side: Side) {
        switch side {
        case .client: isClientReadPending = isPending
        case .backend: isBackendReadPending = isPending
        }
    }

    // MARK: Ending

    func inputClosed(_ side: Side) {
        note("\(side.rawValue)_closed")
        if side == .backend { refuseIfSilent() }
        run(machine.inputClosed(side, isTerminated: side == .client && hasClientTerminated))
    }

    func closed(_ side: Side) {
        note("\(side.rawValue)_closed")
        if side == .backend { refuseIfSilent() }
        run(machine.closed(side))
        setReadPending(false, side.other)
        context(side.other)?.read()
    }

    func failed(_ side: Side, _ error: any Error) {
        // A reset after an orderly end, by a client that has read everything, is not an error.
        if endReason == nil { trace.failure = error }
        note("\(side.rawValue)_error")
        context(side)?.closeNow()
    }

    /// An event of the gateway for this session.
    func handle(_ event: GatewayEvent) {
        switch event {
        case .routeGone:
            run(machine.routeGone())
        case .routeReturned:
            run(machine.routeReturned())
        case .evictedSession(let limit):
            guard upstream?.isUnauthenticated == true else { return }
            end(with: upstream?.evicted(limit), because: "evicted")
        case .finish:
            note("gateway_closed")
            run(machine.finish())
        case .closeNow:
            note("gateway_closed")
            client?.closeNow()
            backend?.closeNow()
        case .admitted, .evicted, .draining:
            break
        }
    }

    private func note(_ reason: String) {
        if endReason == nil { endReason = reason }
    }

    private func refuseIfSilent() {
        guard let refusal = upstream?.closed() else { return }
        trace.countDialFailure(.reset)
        send(refusal)
    }

    /// Ends the session with an ErrorResponse of the gateway's own, where one may stand.
    private func end(with refusal: Refusal?, because reason: String) {
        note(reason)
        if let refusal { send(refusal) }
        run(machine.finish())
    }

    private func send(_ refusal: Refusal) {
        guard let client, client.channel.isActive else { return }
        trace.logRefusal(refusal)
        var buffer = client.channel.allocator.buffer(capacity: 512)
        refusal.errorResponse.encode(into: &buffer)
        tally.addBytesOut(buffer.readableBytes)
        client.write(NIOAny(buffer), promise: nil)
    }

    private func run(_ actions: [RelayMachine.Action]) {
        for action in actions {
            switch action {
            case .finishOutput(let side):
                guard let context = context(side) else { continue }
                context.finishOutput { [self] in run(machine.outputFinished(side)) }
            case .startLinger(let side):
                schedule(.linger(side), at: .now() + services.times.linger) { [self] in
                    run(machine.lingerExpired(side))
                }
            case .startAbandonment:
                abandon()
            case .startRouteGrace:
                schedule(.routeGrace, at: .now() + services.times.routeCloseGrace) { [self] in
                    note("route_changed")
                    run(machine.routeGraceExpired())
                }
            case .cancelRouteGrace:
                cancel(.routeGrace)
            case .close(let side):
                context(side)?.closeNow()
            case .sessionEnded:
                sessionEnded()
            case .end:
                end()
            }
        }
    }

    private func abandon() {
        guard let backend else { return }
        services.registry.abandon(trace.id, target: route.target.id, channel: backend.channel)
        schedule(.abandonment, at: .now() + services.times.abandonment) { [self] in
            run(machine.lingerExpired(.backend))
        }
    }

    private func sessionEnded() {
        for timer in [Timer.authentication, .routeGrace, .idle] { cancel(timer) }
        services.registry.endSession(trace.id)
        trace.logEnd(reason: endReason ?? "unknown")
    }

    private func end() {
        for timer in timers.values { timer.cancel() }
        timers = [:]
        if let key { services.cancelKeys.remove(key, session: trace.id) }
        services.registry.leave(trace.id)
    }

    // MARK: Time

    private func scheduleIdle() {
        guard let deadline = machine.idleDeadline else { return }
        schedule(.idle, at: deadline) { [self] in
            let actions = machine.idleExpired(at: .now())
            if actions.isEmpty { return scheduleIdle() }
            note("idle_timeout")
            run(actions)
        }
    }

    private func schedule(_ timer: Timer, at deadline: NIODeadline, _ task: @escaping () -> Void) {
        cancel(timer)
        guard let loop = (client ?? backend)?.eventLoop else { return }
        timers[timer] = loop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in
            timers[timer] = nil
            task()
        }
    }

    private func cancel(_ timer: Timer) {
        timers.removeValue(forKey: timer)?.cancel()
    }
}

@available(*, unavailable)
extension RelaySession: Sendable {}
