import GatewayCore
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import PostgresWire
import RouteMap
import TLSWire

/// Takes a client from accept to relay: feeds ``ConnectionMachine`` and runs its actions.
///
/// Stays behind the TLS handler that it puts in front of itself, so that the same handler sees the
/// plaintext preface and then the decrypted first packet; hands over to ``RelaySession`` and leaves.
final class ClientHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What becomes of the connection, beside the machine: who owns the socket.
    private enum Phase {
        case negotiating
        /// The last bytes are sent; what the client still sends is dropped.
        case lingering
        case handedOver
        case closed
    }

    private let gateway: GatewayState
    private var machine = ConnectionMachine()
    private var phase = Phase.negotiating
    private var record: SessionRecord?
    private var isWithinLimit = true
    private var isInHandshakeGate = true
    private var hasPendingRead = false
    private var isInputClosed = false
    private var isOutputFinished = false
    private var deadline: Scheduled<Void>?

    init(gateway: GatewayState) {
        self.gateway = gateway
    }

    // MARK: Lifecycle

    func handlerAdded(context: ChannelHandlerContext) {
        let (id, isWithinLimit) = gateway.sessions.add(context.channel)
        self.isWithinLimit = isWithinLimit
        record = SessionRecord(id: id, gateway: gateway)
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: gateway.configuration.handshakeTimeout) {
            [self] in
            run(machine.deadlineReached(), context: context)
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        record?.client = context.remoteAddress
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if phase == .negotiating { run(machine.inputClosed(), context: context) }
        phase = .closed
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        leaveHandshakeGate(context.channel)
        deadline?.cancel()
        deadline = nil
        if phase != .handedOver, let record { gateway.sessions.remove(record.id) }
        record = nil
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase == .negotiating else { return }
        run(machine.received(unwrapInboundIn(data)), context: context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted(let applicationProtocol):
            run(machine.handshakeCompleted(applicationProtocol: applicationProtocol), context: context)
        case ChannelEvent.inputClosed:
            switch phase {
            case .negotiating: run(machine.inputClosed(), context: context)
            case .lingering: inputClosedWhileLingering(context: context)
            case .handedOver, .closed: break
            }
        case GatewayEvent.closeNow:
            if phase == .negotiating { run(machine.gatewayClosed(), context: context) }
            context.closeNow()
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case NIOSSLError.uncleanShutdown:
            // A FIN without close_notify, told also as `inputClosed`; some drivers always do this.
            break
        case let error where phase == .negotiating:
            record?.failure = error
            run(machine.failed(), context: context)
        default:
            context.closeNow()
        }
    }

    // MARK: Outbound

    func read(context: ChannelHandlerContext) {
        if machine.wantsRead { context.read() } else { hasPendingRead = true }
    }

    // MARK: Actions

    private func run(_ action: ConnectionMachine.Action, context: ChannelHandlerContext) {
        if !machine.isHandshaking { leaveHandshakeGate(context.channel) }
        switch action {
        case .wait:
            break
        case .answer(let byte):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: [byte])), promise: nil)
        case .startTLS(let hello, let received):
            startTLS(hello, received: received, context: context)
        case .route(let serverName):
            record?.serverName = serverName
            run(machine.routed(gateway.decide(serverName: serverName, isWithinLimit: isWithinLimit)), context: context)
        case .dial(let route):
            record?.target = route.target
            dial(route, context: context)
        case .relay:
            // Only `dialed` answers this, and its caller has the backend's channel.
            break
        case .cancel(let request):
            forward(request, context: context)
        case .refuse(let refusal):
            refuse(refusal, context: context)
        case .close(let reason):
            record?.logClose(reason)
            phase = .closed
            context.closeNow()
        }
    }

    /// The deadline belongs to the handshake alone: left armed it would end sessions later, and
    /// disarmed earlier it would let a slow client hold a place for ever.
    private func leaveHandshakeGate(_ channel: any Channel) {
        guard isInHandshakeGate else { return }
        isInHandshakeGate = false
        deadline?.cancel()
        deadline = nil
        gateway.handshakes.leave(channel)
    }

    private func startTLS(_ hello: ClientHello, received: ByteBuffer, context: ChannelHandlerContext) {
        record?.serverName = hello.serverName
        let tls = NIOSSLServerHandler(context: gateway.certificates.current.context(serverName: hello.serverName))
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(tls, position: .first)
        } catch {
            errorCaught(context: context, error: error)
            return
        }
        // From the head, so that TLS gets the bytes first. The read that brought the last of them
        // is still going on and will fire channelReadComplete, through TLS as well.
        pipeline.fireChannelRead(NIOAny(received))
    }

    private func dial(_ route: Route, context: ChannelHandlerContext) {
        let address: SocketAddress
        do {
            address = try SocketAddress(ipAddress: route.host, port: Int(route.hostPort))
        } catch {
            record?.failure = error
            run(machine.dialFailed(), context: context)
            return
        }
        // On this connection's loop: from here on both legs are one thread's business.
        SocketOptions.apply(to: ClientBootstrap(group: context.eventLoop))
            .connectTimeout(gateway.configuration.connectTimeout)
            .connect(to: address)
            .assumeIsolated()
            .whenComplete { [self] result in
                switch result {
                case .success(let backend):
                    if let record { gateway.sessions.setRoute(route, of: record.id) }
                    // The routes may have changed meanwhile; from here on a change finds the session.
                    guard gateway.routes.current.serves(route) else {
                        backend.close(promise: nil)
                        return run(machine.dialFailed(), context: context)
                    }
                    let action = machine.dialed()
                    guard case .relay(let route, let bytes) = action, phase == .negotiating else {
                        backend.close(promise: nil)
                        return
                    }
                    relay(route, toBackend: bytes, backend: backend, context: context)
                case .failure(let error):
                    record?.failure = error
                    run(machine.dialFailed(), context: context)
                }
            }
    }

    private func relay(
        _ route: Route,
        toBackend bytes: ByteBuffer,
        backend: any Channel,
        context: ChannelHandlerContext
    ) {
        guard let record else { return context.closeNow() }
        phase = .handedOver
        let session = RelaySession(route: route, record: record, gateway: gateway)
        let pipeline = context.pipeline.syncOperations
        do {
            try backend.pipeline.syncOperations.addHandler(RelayHandler(side: .backend, session: session))
            try pipeline.addHandler(RelayHandler(side: .client, session: session))
        } catch {
            // One of the two was closed within this very tick; the session has not begun.
            phase = .closed
            backend.close(promise: nil)
            context.closeNow()
            return
        }
        session.start(toBackend: bytes)
        let channel = context.channel
        pipeline.removeHandler(context: context, promise: nil)
        if hasPendingRead { channel.read() }
    }

    private func forward(_ request: CancelRequest, context: ChannelHandlerContext) {
        phase = .lingering
        guard let backend = gateway.cancelKeys.backend(for: request.key) else {
            record?.logCancel(.cancelUnknown)
            finish(context: context)
            return
        }
        CancelForwarder.forward(
            request,
            to: backend,
            connectTimeout: gateway.configuration.connectTimeout,
            on: context.eventLoop
        )
        .assumeIsolated()
        .whenComplete { [self] result in
            switch result {
            case .success: record?.logCancel(.cancelForwarded)
            case .failure(let error):
                record?.failure = error
                record?.logCancel(.cancelFailed)
            }
            finish(context: context)
        }
    }

    private func refuse(_ refusal: Refusal, context: ChannelHandlerContext) {
        record?.logRefusal(refusal)
        phase = .lingering
        var buffer = context.channel.allocator.buffer(capacity: 512)
        refusal.errorResponse.encode(into: &buffer)
        context.write(wrapOutboundOut(buffer), promise: nil)
        finish(context: context)
        // Reads withheld while dialling go on, and are dropped, so that the close is no reset.
        if hasPendingRead { context.read() }
    }

    /// Ends the output, then waits a bounded time for the client to close.
    private func finish(context: ChannelHandlerContext) {
        guard phase == .lingering else { return }
        context.finishOutput { [self] in
            isOutputFinished = true
            if isInputClosed { context.closeNow() }
        }
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: ConnectionTimes.linger) {
            context.closeNow()
        }
    }

    /// A client that is done sending, `tokio-postgres` after a CancelRequest for one, still gets the answer.
    private func inputClosedWhileLingering(context: ChannelHandlerContext) {
        isInputClosed = true
        if isOutputFinished { context.closeNow() }
    }
}

@available(*, unavailable)
extension ClientHandler: Sendable {}
