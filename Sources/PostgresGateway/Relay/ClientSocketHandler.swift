import NIOCore

/// Stands between TLS and the client's socket while a session is relayed, and sends what TLS writes by ``DirectOutput``.
final class ClientSocketHandler: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: RelaySession
    private var output: DirectOutput?
    private var hasUnflushed = false

    init(_ session: RelaySession) {
        self.session = session
    }

    func handlerAdded(context: ChannelHandlerContext) {
        output = DirectOutput(context)
        session.attachSocket(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        output = nil
        session.detachSocket()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard let output else {
            hasUnflushed = true
            return context.write(data, promise: promise)
        }
        var bytes = unwrapOutboundIn(data)
        if output.send(&bytes) {
            promise?.succeed()
        } else {
            hasUnflushed = true
            context.write(wrapOutboundOut(bytes), promise: output.queued(promise))
        }
    }

    func flush(context: ChannelHandlerContext) {
        guard hasUnflushed else { return }
        hasUnflushed = false
        context.flush()
    }
}

@available(*, unavailable)
extension ClientSocketHandler: Sendable {}
