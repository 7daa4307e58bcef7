import CGateway
package import GatewayCore
package import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Lets one event loop work on one flight of a handshake between two polls of its sockets.
///
/// A flight costs a private-key operation, some hundred microseconds during which nothing else happens on
/// the loop; a flood of handshakes would otherwise stop its relays. A task that submits the next one does
/// not help, since NIO runs all tasks before it polls again. So a flight that has to wait is begun by an event that
/// comes through the selector itself, with those of the sockets: a descriptor that wakes the loop. It is written to
/// only when a flight waits: a task tells when the events of a poll are dealt with, and costs no system call.
package final class HandshakePacer {
    private let registry: ConnectionRegistry
    private let loop: any EventLoop
    private let wakeUp: Int32
    private var channel: (any Channel)?
    /// A flight was worked on since the last poll.
    private var isSpent = false
    private var waiting: CircularBuffer<ConnectionID> = []
    private var works: [ConnectionID: () -> Void] = [:]

    private init(registry: ConnectionRegistry, loop: any EventLoop, wakeUp: Int32) {
        self.registry = registry
        self.loop = loop
        self.wakeUp = wakeUp
    }

    /// - Throws: an ``IOError`` when the process has no descriptor left.
    package static func make(
        on loop: any EventLoop,
        registry: ConnectionRegistry
    ) async throws -> NIOLoopBound<HandshakePacer> {
        let descriptor = gateway_eventfd()
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "eventfd") }
        let pacer = try await loop.submit {
            NIOLoopBound(HandshakePacer(registry: registry, loop: loop, wakeUp: descriptor), eventLoop: loop)
        }.get()
        do {
            _ = try await NIOPipeBootstrap(group: loop)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        pacer.value.channel = channel
                        try channel.pipeline.syncOperations.addHandler(Waker(pacer: pacer.value))
                    }
                }
                .takingOwnershipOfDescriptor(input: descriptor)
                .get()
        } catch {
            close(descriptor)
            throw error
        }
        return pacer
    }

    /// Runs `work` now, or when it is its turn.
    package func request(_ id: ConnectionID, _ work: @escaping () -> Void) {
        guard isSpent else { return perform(work) }
        waiting.append(id)
        works[id] = work
        registry.waitForHandshake(id)
    }

    /// The connection is gone, or needs no turn any more.
    func cancel(_ id: ConnectionID) {
        if works.removeValue(forKey: id) != nil { registry.beginHandshake(id) }
    }

    private func perform(_ work: () -> Void) {
        isSpent = true
        loop.assumeIsolated().execute { [self] in eventsEnded() }
        work()
    }

    /// The events of this poll are dealt with: what comes from now on comes with the next.
    private func eventsEnded() {
        guard !waiting.isEmpty else {
            isSpent = false
            return
        }
        var one: UInt64 = 1
        // Cannot fail but when the counter is at its end, and then the loop is woken all the same.
        if channel?.isActive == true { _ = write(wakeUp, &one, MemoryLayout.size(ofValue: one)) }
    }

    private func polled() {
        isSpent = false
        while let id = waiting.popFirst() {
            guard let work = works.removeValue(forKey: id) else { continue }
            registry.beginHandshake(id)
            return perform(work)
        }
    }

    /// The loop has polled since the last flight, and another waits.
    private final class Waker: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let pacer: HandshakePacer

        init(pacer: HandshakePacer) {
            self.pacer = pacer
        }

        func channelReadComplete(context: ChannelHandlerContext) {
            pacer.polled()
        }

        func handlerRemoved(context: ChannelHandlerContext) {
            pacer.channel = nil
        }
    }
}

@available(*, unavailable)
extension HandshakePacer: Sendable {}
