import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Stands in the admin listener's pipeline: while the process has no file descriptor left, a connection is accepted
/// with a reserved one, so that an operator can see the problem.
final class AdminAcceptHandler: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    /// Descriptors that are kept: so many can ask at a time when there are no others.
    static let spares = 4
    /// Between two tries when even those are gone.
    private static let pause = TimeAmount.milliseconds(200)

    private let connections: AdminConnections
    private let onFailure: @Sendable (any Error) -> Void
    private var kept: [Int32] = []
    private var isPaused = false

    /// - Parameter onFailure: called on each failure to accept.
    init(connections: AdminConnections, onFailure: @escaping @Sendable (any Error) -> Void) {
        self.connections = connections
        self.onFailure = onFailure
    }

    func handlerAdded(context: ChannelHandlerContext) { refill() }

    func handlerRemoved(context: ChannelHandlerContext) {
        for descriptor in kept { close(descriptor) }
        kept = []
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let child = unwrapInboundIn(data)
        child.closeFuture.hop(to: context.eventLoop).assumeIsolated().whenComplete { [self] _ in refill() }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, Self.isExhaustion(error.errnoCode) else {
            return context.fireErrorCaught(error)
        }
        onFailure(error)
        // The listener is still readable, and accepting is tried again at once with what is let go here.
        if let spare = kept.popLast() {
            close(spare)
        } else if !connections.evictIdle(), !isPaused {
            pause(context.channel)
        }
    }

    /// Errors that end once a descriptor or memory is free (accept(2)); NIO closes the listener after any other.
    private static func isExhaustion(_ code: CInt) -> Bool {
        [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code)
    }

    private func refill() {
        while kept.count < Self.spares {
            let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return }
            kept.append(descriptor)
        }
    }

    private func pause(_ listener: any Channel) {
        isPaused = true
        // Only this takes the listener out of the selector.
        listener.setOption(.autoRead, value: false).whenComplete { _ in }
        listener.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { [self] in
            isPaused = false
            refill()
            listener.setOption(.autoRead, value: true).whenComplete { _ in }
        }
    }
}

@available(*, unavailable)
extension AdminAcceptHandler: Sendable {}
