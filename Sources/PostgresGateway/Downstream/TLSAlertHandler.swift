import NIOCore
import NIOSSL

/// Stands in front of TLS when it has failed, and lets the alert out that says why.
///
/// NIOSSL closes the channel as soon as it cannot read a record, and writes what BoringSSL has to say of it
/// only at the end of the read, when the channel is closed. So that close waits for the next turn of the loop, which
/// comes after the end of the read. Not in the pipeline before there is an error: every event would pass it.
final class TLSAlertHandler: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    private var isCloseHeld = false
    private var closed: EventLoopPromise<Void>?

    /// Holds the close of a channel in which TLS has failed; call it when the error is reported, before anything is closed.
    ///
    /// Does nothing for an error of another kind, or without TLS in the pipeline.
    static func hold(_ error: any Error, in pipeline: ChannelPipeline) {
        // What NIOSSL reports for a record that it cannot read; for a failed handshake it writes the alert itself.
        guard error is BoringSSLError else { return }
        let operations = pipeline.syncOperations
        guard let tls = try? operations.handler(type: NIOSSLServerHandler.self) else { return }
        // Refused only by a pipeline that is being taken down, with nothing to let out.
        try? operations.addHandler(TLSAlertHandler(), position: .before(tls))
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .all else { return context.close(mode: mode, promise: promise) }
        if let promise {
            if let closed { closed.futureResult.cascade(to: promise) } else { closed = promise }
        }
        guard !isCloseHeld else { return }
        isCloseHeld = true
        context.eventLoop.assumeIsolated().execute { [self] in
            context.flush()
            context.close(promise: closed)
        }
    }
}

@available(*, unavailable)
extension TLSAlertHandler: Sendable {}
