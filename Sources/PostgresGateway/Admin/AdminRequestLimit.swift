import NIOCore

/// Stands nearest to the socket of an admin connection: a request that is too long, or too long in coming, is not
/// waited for.
final class AdminRequestLimit: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Most that a client may send, in bytes; no request here has a body.
    static let maximumBytes = 8 * 1_024
    /// From accept to a whole request.
    static let requestTimeout = TimeAmount.seconds(2)
    /// From accept to close, whatever the client does.
    static let connectionTimeout = TimeAmount.seconds(10)

    private var received = 0
    private var isOver = false
    private var timers: [Scheduled<Void>] = []

    func handlerAdded(context: ChannelHandlerContext) {
        let loop = context.eventLoop.assumeIsolated()
        timers = [Self.requestTimeout, Self.connectionTimeout].map { limit in
            loop.scheduleTask(in: limit) { context.close(promise: nil) }
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        for timer in timers { timer.cancel() }
    }

    /// The whole request has come.
    func noteRequest() {
        timers.first?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        received += unwrapInboundIn(data).readableBytes
        if received <= Self.maximumBytes { return context.fireChannelRead(data) }
        isOver = true
        let answer = ByteBuffer(
            string: "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(answer), promise: sent)
    }
}

@available(*, unavailable)
extension AdminRequestLimit: Sendable {}
