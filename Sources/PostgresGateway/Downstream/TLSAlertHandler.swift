import NIOCore

/// Stands between the socket and TLS, and lets the alert out that says why a connection breaks.
///
/// NIOSSL closes the channel as soon as it cannot read a record, and sends what BoringSSL has to say of it
/// only at the end of the read, when the channel is closed. So a close within a read waits for its end.
final class TLSAlertHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private var isReading = false
    private var isCloseHeld = false
    private var closed: EventLoopPromise<Void>?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        isReading = false
        guard isCloseHeld else { return }
        isCloseHeld = false
        context.flush()
        context.close(promise: closed)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard isReading, mode == .all else { return context.close(mode: mode, promise: promise) }
        isCloseHeld = true
        guard let promise else { return }
        if let closed { closed.futureResult.cascade(to: promise) } else { closed = promise }
    }
}

@available(*, unavailable)
extension TLSAlertHandler: Sendable {}
