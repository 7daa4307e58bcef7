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

    /// How far data may go, of one leg.
    private struct Flow {
        /// It takes no more data now, as its channel's writability has it.
        var isFull = false
        /// A read waits until the other leg takes data again.
        var isReadPending = false
    }

    private let route: Route
    private let backendAddress: SocketAddress
    private let trace: ConnectionTrace
    private let tally: SessionTally
    private let services: Services
    private var machine: RelayMachine
    private var upstream: UpstreamMachine?
    private var key: CancelKey?
    private var client: ChannelHandlerContext?
    private var backend: ChannelHandlerContext?
    /// In front of TLS, next to the socket; ``backend`` is next to its own.
    private var clientSocket: ChannelHandlerContext?
    private var backendOutput: DirectOutput?
    private var clientFlow = Flow()
    private var backendFlow = Flow()
    private var hasClientTerminated = false
    private var timers: [Timer: Scheduled<Void>] = [:]
    /// Who ended the session first, for the log.
    private var endReason: String?
    private let isIdleWatched: Bool

    /// - Parameter backendAddress: where the server was connected to, for cancel requests.
    init(route: Route, backendAddress: SocketAddress, trace: ConnectionTrace, services: Services) {
        self.route = route
        self.backendAddress = backendAddress
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
        backendOutput = backend.flatMap { DirectOutput($0) }
        schedule(.authentication, at: start + services.times.authentication) { [self] in
            guard upstream?.isUnauthenticated == true else { return }
            end(with: upstream?.authenticationTimedOut(), because: "authentication_timeout")
        }
        scheduleIdle()
    }

    // MARK: Attaching

    func attach(_ context: ChannelHandlerContext, as side: Side) {
        switch side {
        case .client:
            client = context
            clientFlow.isFull = !context.channel.isWritable
        case .backend:
            backend = context
            backendFlow.isFull = !context.channel.isWritable
        }
    }

    func detach(_ side: Side) {
        switch side {
        case .client: client = nil
        case .backend:
            backend = nil
            backendOutput = nil
        }
    }

    func attachSocket(_ context: ChannelHandlerContext) { clientSocket = context }
    func detachSocket() { clientSocket = nil }

    private func context(_ side: Side) -> ChannelHandlerContext? {
        switch side {
        case .client: client
        case .backend: backend
        }
    }

    // MARK: Bytes

    func received(_ bytes: consuming ByteBuffer, from side: Side) {
        switch side {
        case .client:
            tally.addBytesIn(bytes.readableBytes)
            hasClientTerminated = TerminateMessage.ends(bytes)
            sendToBackend(bytes)
        case .backend:
            // The key is known before the client can have it, so no cancel comes too early.
            if upstream != nil { observe(bytes) }
            if tally.bytesOut == 0 { trace.logStart() }
            tally.addBytesOut(bytes.readableBytes)
            sendToClient(bytes)
        }
        if isIdleWatched { machine.active(at: .now()) }
    }

    private func sendToBackend(_ bytes: consuming ByteBuffer) {
        guard backendOutput?.send(&bytes) != true, let backend else { return }
        backend.writeAndFlush(NIOAny(bytes), promise: backendOutput?.queued(nil))
    }

    private func sendToClient(_ bytes: consuming ByteBuffer) {
        guard let client else { return }
        while bytes.readableBytes > Self.maximumRecordPayload,
            let part = bytes.readSlice(length: Self.maximumRecordPayload)
        {
            client.write(NIOAny(part), promise: nil)
        }
        // One read of a socket is one call here, so a flush for each is one for each burst.
        client.writeAndFlush(NIOAny(bytes), promise: nil)
    }

    private func observe(_ bytes: ByteBuffer) {
        for action in upstream?.received(bytes) ?? [] {
            switch action {
            case .learn(let found):
                guard key == nil, backend != nil else { continue }
                key = found
                tally.setProcessID(found.processID)
                services.cancelKeys.add(found, session: trace.id, backend: backendAddress)
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

    /// Asks for what a channel would ask for next by the way of the whole pipeline; from next to the socket it is shorter.
    func readNext(_ side: Side) {
        guard canRead(side) else { return }
        switch side {
        case .client: clientSocket?.read()
        case .backend: backend?.read()
        }
    }

    /// Whether this leg may be read now; if not, it is read when the other leg is writable again.
    func canRead(_ side: Side) -> Bool {
        switch side {
        case .client:
            clientFlow.isReadPending = backendFlow.isFull
            return !backendFlow.isFull
        case .backend:
            backendFlow.isReadPending = clientFlow.isFull
            return !clientFlow.isFull
        }
    }

    func writabilityChanged(_ side: Side) {
        guard let written = context(side) else { return }
        setFull(!written.channel.isWritable, side)
    }

    private func setFull(_ isFull: Bool, _ side: Side) {
        let isReadWanted: Bool
        switch side {
        case .client:
            clientFlow.isFull = isFull
            isReadWanted = !isFull && backendFlow.isReadPending
            if isReadWanted { backendFlow.isReadPending = false }
        case .backend:
            backendFlow.isFull = isFull
            isReadWanted = !isFull && clientFlow.isReadPending
            if isReadWanted { clientFlow.isReadPending = false }
        }
        if isReadWanted { context(side.other)?.read() }
    }

    // MARK: Ending

    func inputClosed(_ side: Side) {
        note("\(side.rawValue)_closed")
        if side == .backend { serverEnded() }
        run(machine.inputClosed(side, isTerminated: side == .client && hasClientTerminated))
    }

    func closed(_ side: Side) {
        note("\(side.rawValue)_closed")
        if side == .backend { serverEnded() }
        run(machine.closed(side))
        // Data for a closed leg is dropped, so that its partner can finish sending and end.
        setFull(false, side)
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
            // Its permits are another's already: it ends, even if it has authenticated since it was chosen.
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

    /// The server's process is over, while the client may have up to its linger time: another server may listen at
    /// the address from now on.
    private func serverEnded() {
        refuseIfSilent()
        if let key { services.cancelKeys.remove(key, session: trace.id) }
        key = nil
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
