import NIOCore
import NIOSSL

extension ChannelHandlerContext {
    /// Ends the output of a channel after everything written to it was handed to the kernel:
    /// close_notify where there is TLS, then FIN.
    ///
    /// NIO closes a channel altogether, and drops what is queued, when its output is closed after
    /// its input was; so the queue is waited for first.
    func finishOutput(whenDone done: @escaping () -> Void) {
        let flushed = eventLoop.makePromise(of: Void.self)
        flushed.futureResult.assumeIsolated().whenComplete { [self] result in
            guard case .success = result, channel.isActive else { return done() }
            let closed = eventLoop.makePromise(of: Void.self)
            closed.futureResult.assumeIsolated().whenComplete { _ in done() }
            close(mode: .output, promise: closed)
        }
        writeAndFlush(NIOAny(ByteBuffer()), promise: flushed)
    }

    /// Closes the socket without waiting for the peer's close_notify.
    func closeNow() {
        // Asked of the TLS handler, a close would wait for the peer; from its context outwards
        // the socket is next.
        if let tls = try? channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self) {
            tls.close(promise: nil)
        } else {
            channel.close(promise: nil)
        }
    }
}
