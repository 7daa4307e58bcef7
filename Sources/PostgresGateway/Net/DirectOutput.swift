import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The way to a socket past its channel's queue, as long as nothing waits in it.
///
/// A relayed message nearly always fits into the socket's buffer at once. Through the channel it is put into the
/// queue, marked, taken out and written, which costs ten times the instructions of the call alone (docs/benchmarks.md).
/// What the kernel does not take, and every error, goes through the channel, which then behaves as it always does:
/// backpressure, half-closure and the ends of connections are its own.
///
/// Belongs to the channel's event loop.
final class DirectOutput {
    private let channel: any Channel
    private let descriptor: NIOBSDSocket.Handle
    /// Writes that wait in the channel: until the last of them is out, everything goes behind them.
    private var queued = 0

    /// - Parameter context: of the handler that is next to the socket.
    /// - Returns: nil for a channel that has no socket, or none any more.
    init?(_ context: ChannelHandlerContext) {
        let channel = context.channel
        let operations = channel.pipeline.syncOperations
        let found = try? operations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
        guard let found, let waiting = try? channel.syncOptions?.getOption(.bufferedWritableBytes) else { return nil }
        self.channel = channel
        descriptor = found
        // Written when all that waits is out.
        if waiting > 0 { context.writeAndFlush(NIOAny(ByteBuffer()), promise: queued(nil)) }
    }

    /// Gives the kernel as much as it takes.
    ///
    /// - Parameter bytes: what is left of them afterwards is for the channel, with ``queued(_:)``.
    /// - Returns: whether nothing is left.
    func send(_ bytes: inout ByteBuffer) -> Bool {
        // A channel closes its socket and becomes inactive in one step, so the descriptor is still this one's.
        guard queued == 0, channel.isActive else { return false }
        let sent = bytes.withUnsafeReadableBytes { Self.send(descriptor, $0) }
        if sent > 0 { bytes.moveReaderIndex(forwardBy: sent) }
        return bytes.readableBytes == 0
    }

    /// A promise for a write that goes to the channel.
    ///
    /// - Parameter promise: the writer's own, kept as well.
    func queued(_ promise: EventLoopPromise<Void>?) -> EventLoopPromise<Void> {
        queued += 1
        let written = promise ?? channel.eventLoop.makePromise(of: Void.self)
        // A failed write is the end of the channel, which is inactive then.
        written.futureResult.assumeIsolated().whenComplete { [self] _ in queued -= 1 }
        return written
    }

    private static func send(_ descriptor: NIOBSDSocket.Handle, _ bytes: UnsafeRawBufferPointer) -> Int {
        guard bytes.count > 0 else { return 0 }
        let flags = Int32(MSG_NOSIGNAL)
        #if canImport(Glibc)
        return Glibc.send(descriptor, bytes.baseAddress, bytes.count, flags)
        #else
        return Musl.send(descriptor, bytes.baseAddress, bytes.count, flags)
        #endif
    }
}

@available(*, unavailable)
extension DirectOutput: Sendable {}
