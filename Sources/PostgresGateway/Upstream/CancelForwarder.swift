import NIOCore
import NIOPosix
import PostgresWire

/// Passes a CancelRequest on to its backend and waits for the backend to close, as PostgreSQL does
/// when it has dealt with it (`ProcessCancelRequestPacket`): drivers wait for that close.
enum CancelForwarder {
    /// The backend took the request and did not close in ``ConnectionTimes/cancelReply``.
    struct TimedOut: Error, CustomStringConvertible {
        let description = "the backend did not close after the CancelRequest"
    }

    /// - Returns: succeeds when the backend has closed; fails when it cannot be reached or does not
    ///   close in time.
    static func forward(
        _ request: CancelRequest,
        to backend: SocketAddress,
        times: ConnectionTimes,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<Void> {
        SocketOptions.apply(to: ClientBootstrap(group: eventLoop))
            .connectTimeout(times.connect)
            .connect(to: backend)
            .flatMap { channel in
                let ended = eventLoop.makePromise(of: Void.self)
                let timeout = eventLoop.scheduleTask(in: times.cancelReply) {
                    ended.fail(TimedOut())
                }
                channel.closeFuture.cascade(to: ended)
                return eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(CloseOnEndOfInput())
                }
                .flatMap { channel.writeAndFlush(request.packet) }
                .flatMap { ended.futureResult }
                .always { _ in
                    timeout.cancel()
                    channel.close(promise: nil)
                }
            }
    }
}

/// Closes a channel when its peer has ended its output; with half-closure allowed, nothing else does.
private final class CloseOnEndOfInput: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // A server sends nothing in answer to a CancelRequest; whatever comes is not the client's.
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

@available(*, unavailable)
extension CloseOnEndOfInput: Sendable {}
