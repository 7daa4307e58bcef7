import NIOCore
import Synchronization

/// How many connections may be between accept and their first packet.
///
/// Beyond that, listeners stop accepting and the kernel's backlog does the queueing: a handshake
/// costs more than anything else a stranger can ask for.
final class HandshakeGate: Sendable {
    private struct State {
        var inProgress: Set<ObjectIdentifier> = []
        var waiting: [@Sendable () -> Void] = []
    }

    private let maximum: Int
    private let state = Mutex(State())

    init(maximum: Int) {
        self.maximum = maximum
    }

    var inProgress: Int { state.withLock { $0.inProgress.count } }

    func enter(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        _ = state.withLock { $0.inProgress.insert(id) }
        // Whatever becomes of the connection, its place is free when it is closed.
        channel.closeFuture.whenComplete { [self] _ in leave(id) }
    }

    /// May be called more than once for a connection.
    func leave(_ channel: any Channel) {
        leave(ObjectIdentifier(channel))
    }

    private func leave(_ id: ObjectIdentifier) {
        let waiting: [@Sendable () -> Void] = state.withLock { state in
            guard state.inProgress.remove(id) != nil, state.inProgress.count < maximum else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for resume in waiting { resume() }
    }

    /// Whether one more may come in; if not, `resume` is called once when it may.
    func isOpen(orWhenOpen resume: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            if state.inProgress.count < maximum { return true }
            state.waiting.append(resume)
            return false
        }
    }
}

/// Stands in a listener's pipeline and withholds accepting while ``HandshakeGate`` is closed.
final class AcceptHandler: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = any Channel

    private let gate: HandshakeGate

    init(gate: HandshakeGate) {
        self.gate = gate
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        gate.enter(unwrapInboundIn(data))
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        // Listener and connections may have different loops, so the way back goes by the channel.
        let channel = context.channel
        if gate.isOpen(orWhenOpen: { channel.read() }) { context.read() }
    }
}

@available(*, unavailable)
extension AcceptHandler: Sendable {}
