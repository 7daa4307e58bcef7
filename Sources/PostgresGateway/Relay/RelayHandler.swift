import GatewayCore
import NIOCore
import NIOSSL

/// One leg of a ``RelaySession``: passes its events on, and withholds reads while the other leg is full.
final class RelayHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let side: Side
    private let session: RelaySession

    init(side: Side, session: RelaySession) {
        self.side = side
        self.session = session
    }

    func handlerAdded(context: ChannelHandlerContext) {
        session.attach(context, as: side)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        session.detach(side)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        session.received(unwrapInboundIn(data), from: side)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        session.readNext(side)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        session.writabilityChanged(side)
    }

    func read(context: ChannelHandlerContext) {
        if session.canRead(side) { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed: session.inputClosed(side)
        case let event as GatewayEvent: session.handle(event)
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A FIN without close_notify comes as an error and then as `inputClosed`; it is no reason
        // to cut the other direction short.
        if case NIOSSLError.uncleanShutdown = error { return }
        TLSAlertHandler.hold(error, in: context.pipeline)
        session.failed(side, error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        session.closed(side)
    }
}

@available(*, unavailable)
extension RelayHandler: Sendable {}
