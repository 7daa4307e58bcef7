import NIOCore
import Synchronization

/// The connections that are open, from accept to close: what the connection limit counts and what
/// a graceful stop waits for.
final class SessionRegistry: Sendable {
    private struct State {
        var lastNumber: UInt64 = 0
        var channels: [SessionID: any Channel] = [:]
        var isDraining = false
        var waitingForEnd: [@Sendable () -> Void] = []
    }

    private let maximum: Int
    private let state = Mutex(State())

    /// - Parameter maximum: connections that may be open at a time; more are told so.
    init(maximum: Int) {
        self.maximum = maximum
    }

    /// Enters a connection.
    ///
    /// - Returns: its number, and whether it is within the limit.
    func add(_ channel: any Channel) -> (id: SessionID, isWithinLimit: Bool) {
        state.withLock { state in
            state.lastNumber += 1
            let id = SessionID(number: state.lastNumber)
            state.channels[id] = channel
            return (id, state.channels.count <= maximum)
        }
    }

    /// The connection goes on under another channel, if it is still open.
    func move(_ id: SessionID, to channel: any Channel) {
        state.withLock { state in
            if state.channels[id] != nil { state.channels[id] = channel }
        }
    }

    func remove(_ id: SessionID) {
        let waiting: [@Sendable () -> Void] = state.withLock { state in
            state.channels[id] = nil
            guard state.channels.isEmpty else { return [] }
            defer { state.waitingForEnd = [] }
            return state.waitingForEnd
        }
        for resume in waiting { resume() }
    }

    var count: Int { state.withLock { $0.channels.count } }

    /// Whether the gateway is stopping: connections that are still in start-up are then refused.
    var isDraining: Bool { state.withLock { $0.isDraining } }

    func startDraining() { state.withLock { $0.isDraining = true } }

    /// Calls back once no connection is open: at once, or from the thread that ends the last one.
    func whenEmpty(_ resume: @escaping @Sendable () -> Void) {
        let isEmpty = state.withLock { state in
            if !state.channels.isEmpty { state.waitingForEnd.append(resume) }
            return state.channels.isEmpty
        }
        if isEmpty { resume() }
    }

    /// Asks every open connection to close now; the handlers do it, each on its own loop.
    func closeAll() {
        let channels = state.withLock { Array($0.channels.values) }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(GatewayEvent.closeNow) }
    }
}

/// What the gateway tells the handlers of a connection.
enum GatewayEvent: Sendable {
    /// Close without waiting for the peer.
    case closeNow
}
