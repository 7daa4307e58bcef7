import GatewayCore
import GatewayHardening
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import PostgresWire
import RouteMap
import TLSWire

/// Takes a client from accept to relay, and from a refusal to the close: feeds ``ConnectionMachine`` and
/// runs its actions.
///
/// Stays behind the TLS handlers that it puts in front of itself, so that the same handler sees the
/// plaintext preface and then the decrypted first packet; hands over to a relay and leaves.
final class ClientHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The gateway's services for a client's start-up.
    struct Services {
        let registry: ConnectionRegistry
        let router: Router
        let certificates: CertificateStore
        let cancelKeys: CancelKeys
        let log: ConnectionLog
        let times: ConnectionTimes
        /// Of the connection's own event loop, as the next one.
        let pacer: HandshakePacer
        let metrics: MetricsShard
    }

    private let services: Services
    private var machine = ConnectionMachine()
    private var trace: ConnectionTrace?
    /// The state last reported to the registry.
    private var startup: StartupTurn?
    /// As the machine had it before the last action.
    private var isHandshaking = false
    private var hasTLSFailed = false
    private var isHandedOver = false
    private var isStartupArmed = true
    private var hasPendingRead = false
    private var pacing: HandshakePacingHandler?
    /// Of the start-up, then of the wait for permits, then of the linger; one at a time.
    private var deadline: Scheduled<Void>?

    init(_ services: Services) {
        self.services = services
    }

    // MARK: Lifecycle

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard trace == nil else { return }
        let client = context.remoteAddress
        let id = services.registry.enter(context.channel, from: client)
        trace = ConnectionTrace(id: id, client: client, log: services.log, metrics: services.metrics)
        startup = machine.startup
        schedule(services.times.handshake, context) { $0.deadlineReached() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        run(machine.failed(), context: context)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        pacing = nil
        trace?.endHandshake()
        if !isHandedOver, let trace { services.registry.leave(trace.id) }
        trace = nil
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        run(machine.received(unwrapInboundIn(data)), context: context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted(let applicationProtocol):
            pacing?.finish()
            pacing = nil
            trace?.completeHandshake()
            run(machine.handshakeCompleted(applicationProtocol: applicationProtocol), context: context)
        case ChannelEvent.inputClosed:
            run(machine.inputClosed(), context: context)
        case let event as GatewayEvent:
            if isHandedOver { context.fireUserInboundEventTriggered(event) } else { handle(event, context: context) }
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    private func handle(_ event: GatewayEvent, context: ChannelHandlerContext) {
        switch event {
        case .admitted: run(machine.admitted(), context: context)
        case .evicted: run(machine.evicted(), context: context)
        case .evictedSession(let limit):
            if let route = machine.route { run(machine.refused(.limitReached(limit, route)), context: context) }
        case .routeGone: run(machine.routeGone(), context: context)
        case .routeReturned: break
        case .draining: run(machine.draining(), context: context)
        case .finish: run(machine.gatewayClosed(), context: context)
        case .closeNow:
            run(machine.gatewayClosed(), context: context)
            context.closeNow()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A FIN without close_notify, also reported as `inputClosed`; some drivers always do this.
        if case NIOSSLError.uncleanShutdown = error { return }
        TLSAlertHandler.hold(error, in: context.pipeline)
        if machine.isStartingUp || machine.route != nil { trace?.failure = error }
        if case NIOSSLError.handshakeFailed(let cause) = error, cause != .sslError([.eofDuringHandshake]) {
            hasTLSFailed = true
        }
        run(machine.failed(), context: context)
    }

    // MARK: Outbound

    func read(context: ChannelHandlerContext) {
        if machine.wantsRead { context.read() } else { hasPendingRead = true }
    }

    // MARK: Actions

    private func run(_ action: ConnectionMachine.Action, context: ChannelHandlerContext) {
        // A start-up that becomes a session gives its place up with the permits it gets, at once.
        if case .admit = action { disarmStartup() } else { notifyRegistry() }
        let wasHandshaking = isHandshaking
        isHandshaking = machine.isHandshaking
        switch action {
        case .wait:
            break
        case .answer(let byte):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: [byte])), promise: nil)
        case .resolveRoute(let hello):
            trace?.serverName = hello.serverName
            let decision = services.router.decide(serverName: hello.serverName)
            run(machine.routeResolved(decision), context: context)
        case .startTLS(let serverName, let received):
            startTLS(serverName: serverName, received: received, context: context)
        case .admit(let route):
            admit(route, context: context)
        case .dial(let route):
            dial(route, context: context)
        case .relay:
            // Only `dialed` answers this, and its caller has the backend's channel.
            break
        case .cancel(let request):
            forward(request, context: context)
        case .refuse(let refusal):
            refuse(refusal, context: context)
        case .finish:
            finish(context: context)
        case .close(let reason):
            if wasHandshaking { countHandshakeFailure(reason) }
            trace?.logClose(reason)
            endSession()
            context.closeNow()
        case .closeLingering:
            endSession()
            context.closeNow()
        }
    }

    /// Counts a handshake that failed; one that made way for another, or for the gateway's end, did not.
    private func countHandshakeFailure(_ reason: CloseReason) {
        switch reason {
        case .handshakeTimeout: trace?.countHandshakeFailure(.timeout)
        case .handshakeFailed, .clientClosed:
            guard hasTLSFailed, let pacing else { trace?.countHandshakeFailure(.closed); break }
            pacing.fail { [trace] in trace?.countHandshakeFailure($0) }
        case .probe, .bytesBehindRequest, .repeatedGSSENCRequest, .unknownProtocol, .evicted, .gatewayClosed: break
        }
    }

    /// The deadline belongs to the start-up alone: left armed it would end sessions later, and disarmed
    /// earlier it would let a slow client hold a place for ever.
    private func notifyRegistry() {
        if isStartupArmed, !machine.isStartingUp { disarmStartup() }
        let turn = machine.startup
        guard turn != startup, let trace else { return }
        startup = turn
        services.registry.move(trace.id, to: startup)
    }

    private func disarmStartup() {
        guard isStartupArmed else { return }
        isStartupArmed = false
        deadline?.cancel()
        deadline = nil
    }

    private func endSession() {
        if let trace { services.registry.endSession(trace.id) }
    }

    private func schedule(
        _ time: TimeAmount,
        _ context: ChannelHandlerContext,
        _ event: @escaping (inout ConnectionMachine) -> ConnectionMachine.Action
    ) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { [self] in
            run(event(&machine), context: context)
        }
    }

    private func startTLS(serverName: String?, received: ByteBuffer, context: ChannelHandlerContext) {
        guard let trace else { return context.closeNow() }
        trace.beginHandshake()
        let tls = NIOSSLServerHandler(context: services.certificates.current.context(serverName: serverName))
        let pacing = HandshakePacingHandler(id: trace.id, pacer: services.pacer) { [weak self] event in
            guard let self else { return }
            switch event {
            case .received: machine.flightReceived()
            case .answered: machine.flightAnswered()
            }
            notifyRegistry()
        }
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandlers([pacing, tls], position: .first)
        } catch {
            errorCaught(context: context, error: error)
            return
        }
        self.pacing = pacing
        // From the head, so that TLS gets the bytes first. The read that brought the last of them
        // is still going on and will fire channelReadComplete, through TLS as well.
        pipeline.fireChannelRead(NIOAny(received))
    }

    private func admit(_ route: Route, context: ChannelHandlerContext) {
        guard let trace else { return }
        trace.target = route.target
        // The map may have changed since the ClientHello, and the port may be another branch's by now.
        guard !services.registry.isDraining else { return run(machine.refused(.shuttingDown), context: context) }
        guard services.router.serves(route) else { return run(machine.routeGone(), context: context) }
        switch services.registry.beginSession(trace.id, to: route, tally: trace.tally) {
        case .admitted:
            startup = nil
            run(machine.admitted(), context: context)
        case .waiting:
            startup = nil
            schedule(services.times.connect, context) { [services] machine in
                machine.refused(.limitReached(services.registry.awaitedLimit(trace.id), route))
            }
        case .refused(.authenticationFailures):
            run(machine.refused(.tooManyFailedLogins(route)), context: context)
        case .refused(let limit):
            run(machine.refused(.limitReached(limit, route)), context: context)
        }
    }

    private func dial(_ route: Route, context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        let address: SocketAddress
        do {
            address = try SocketAddress(ipAddress: route.host, port: Int(route.hostPort))
        } catch {
            return dialFailed(error, context: context)
        }
        let start = NIODeadline.now()
        // On this connection's loop: from here on both legs are one thread's business.
        SocketOptions.apply(to: ClientBootstrap(group: context.eventLoop))
            .connectTimeout(services.times.connect)
            .connect(to: address)
            .assumeIsolated()
            .whenComplete { [self] result in
                switch result {
                case .success(let backend):
                    services.metrics.dialDurations.observe(.now() - start)
                    // A change of routes that came meanwhile has found the session, or is seen here.
                    let action = services.router.serves(route) ? machine.dialed() : machine.routeGone()
                    guard case .relay(let route, let bytes) = action else {
                        backend.close(promise: nil)
                        return run(action, context: context)
                    }
                    relay(route, toBackend: bytes, backend: backend, at: address, dialledAt: start, context: context)
                case .failure(let error):
                    dialFailed(error, context: context)
                }
            }
    }

    private func dialFailed(_ error: any Error, context: ChannelHandlerContext) {
        trace?.failure = error
        trace?.countDialFailure(DialFailure(error))
        run(machine.dialFailed(), context: context)
    }

    private func relay(
        _ route: Route,
        toBackend bytes: ByteBuffer,
        backend: any Channel,
        at address: SocketAddress,
        dialledAt start: NIODeadline,
        context: ChannelHandlerContext
    ) {
        guard let trace else {
            backend.close(promise: nil)
            return context.closeNow()
        }
        isHandedOver = true
        let session = RelaySession(
            route: route,
            backendAddress: address,
            trace: trace,
            services: .init(registry: services.registry, cancelKeys: services.cancelKeys, times: services.times)
        )
        let pipeline = context.pipeline.syncOperations
        do {
            try backend.pipeline.syncOperations.addHandler(RelayHandler(side: .backend, session: session))
            try pipeline.addHandler(ClientSocketHandler(session), position: .first)
            try pipeline.addHandler(RelayHandler(side: .client, session: session))
        } catch {
            // One of the two was closed within this very tick; the session has not begun.
            services.registry.leave(trace.id)
            backend.close(promise: nil)
            context.closeNow()
            return
        }
        session.start(toBackend: bytes, dialledAt: start)
        let channel = context.channel
        pipeline.removeHandler(context: context, promise: nil)
        if hasPendingRead { channel.read() }
    }

    private func forward(_ request: CancelRequest, context: ChannelHandlerContext) {
        guard let backend = services.cancelKeys.backend(for: request.key) else {
            trace?.logCancel(.cancelUnknown)
            return run(machine.cancelServed(), context: context)
        }
        CancelForwarder.forward(request, to: backend, times: services.times, on: context.eventLoop)
            .assumeIsolated()
            .whenComplete { [self] result in
                switch result {
                case .success: trace?.logCancel(.cancelForwarded)
                case .failure(let error):
                    trace?.failure = error
                    trace?.logCancel(.cancelFailed)
                }
                run(machine.cancelServed(), context: context)
            }
    }

    private func refuse(_ refusal: Refusal, context: ChannelHandlerContext) {
        if refusal.reason == .directTLSWithoutALPN { trace?.countHandshakeFailure(.noALPN) }
        trace?.logRefusal(refusal)
        endSession()
        var buffer = context.channel.allocator.buffer(capacity: 512)
        refusal.errorResponse.encode(into: &buffer)
        context.write(wrapOutboundOut(buffer), promise: nil)
        finish(context: context)
        // Reads withheld while dialling go on, and are dropped, so that the close is no reset.
        if hasPendingRead { context.read() }
    }

    /// Ends the output, then waits a bounded time for the client to close.
    private func finish(context: ChannelHandlerContext) {
        schedule(services.times.linger, context) { $0.lingerExpired() }
        context.finishOutput { [self] in run(machine.outputFinished(), context: context) }
    }
}

@available(*, unavailable)
extension ClientHandler: Sendable {}
