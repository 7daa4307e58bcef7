import GatewayCore
import NIOCore

/// Stands between the socket and TLS during the handshake: holds what the client sends until it is the
/// connection's turn, then lets TLS answer it. Finds out why a handshake failed. Leaves when the handshake is done.
final class HandshakePacingHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Event {
        /// There are bytes to be worked on.
        case received
        /// TLS has answered them.
        case answered
    }

    private let id: ConnectionID
    private let pacer: HandshakePacer
    private let notify: (Event) -> Void
    private var held = ByteBuffer()
    private var isQueued = false
    private var isDone = false
    private var hasPendingRead = false
    private var alerts = HandshakeAlerts()
    private var reportFailure: ((HandshakeFailure) -> Void)?

    init(id: ConnectionID, pacer: HandshakePacer, _ notify: @escaping (Event) -> Void) {
        self.id = id
        self.pacer = pacer
        self.notify = notify
    }

    /// The handshake is done; later bytes belong to the session.
    func finish() { isDone = true }

    /// TLS has failed. The reason is reported when the connection is closed: only then has TLS sent its alert.
    func fail(_ report: @escaping (HandshakeFailure) -> Void) { reportFailure = report }

    func handlerRemoved(context: ChannelHandlerContext) {
        pacer.cancel(id)
        reportFailure?(alerts.failure)
        reportFailure = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        pacer.cancel(id)
        held = ByteBuffer()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return context.fireChannelRead(data) }
        let bytes = unwrapInboundIn(data)
        alerts.received(bytes)
        held.writeImmutableBuffer(bytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard !isDone else { return context.fireChannelReadComplete() }
        guard held.readableBytes > 0, !isQueued else { return }
        isQueued = true
        notify(.received)
        pacer.request(id) { [self] in work(context: context) }
    }

    func read(context: ChannelHandlerContext) {
        if isQueued { hasPendingRead = true } else { context.read() }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if !isDone { alerts.sending(unwrapOutboundIn(data)) }
        context.write(data, promise: promise)
    }

    private func work(context: ChannelHandlerContext) {
        isQueued = false
        let bytes = held
        held = ByteBuffer()
        guard bytes.readableBytes > 0, context.channel.isActive else { return }
        context.fireChannelRead(wrapInboundOut(bytes))
        context.fireChannelReadComplete()
        notify(.answered)
        if hasPendingRead {
            hasPendingRead = false
            context.read()
        }
        // Not before: a handler that has left passes nothing on.
        if isDone { context.pipeline.syncOperations.removeHandler(context: context, promise: nil) }
    }
}

@available(*, unavailable)
extension HandshakePacingHandler: Sendable {}
