import GatewayCore
import NIOCore
import RouteMap
import Synchronization

/// The connections that are open, from accept to close: what the connection limit counts and what
/// a graceful stop waits for.
final class SessionRegistry: Sendable {
    private struct Entry {
        var channel: any Channel
        /// What the session was begun by; nil until it has a backend.
        var route: Route?
    }

    private struct State {
        var lastNumber: UInt64 = 0
        var entries: [ConnectionID: Entry] = [:]
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
    func add(_ channel: any Channel) -> (id: ConnectionID, isWithinLimit: Bool) {
        state.withLock { state in
            state.lastNumber += 1
            let id = ConnectionID(number: state.lastNumber)
            state.entries[id] = Entry(channel: channel)
            return (id, state.entries.count <= maximum)
        }
    }

    /// The connection goes on under another channel, if it is still open.
    func move(_ id: ConnectionID, to channel: any Channel) {
        state.withLock { state in
            state.entries[id]?.channel = channel
        }
    }

    /// The session's route, from which on a change of routes may close it.
    func setRoute(_ route: Route, of id: ConnectionID) {
        state.withLock { $0.entries[id]?.route = route }
    }

    /// Asks the sessions to close whose route is no longer what it was.
    ///
    /// - Returns: how many there are.
    func close(where isOver: (Route) -> Bool) -> Int {
        let channels = state.withLock { state in
            state.entries.values.compactMap { entry in
                entry.route.map(isOver) == true ? entry.channel : nil
            }
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(GatewayEvent.routeChanged) }
        return channels.count
    }

    func remove(_ id: ConnectionID) {
        let waiting: [@Sendable () -> Void] = state.withLock { state in
            state.entries[id] = nil
            guard state.entries.isEmpty else { return [] }
            defer { state.waitingForEnd = [] }
            return state.waitingForEnd
        }
        for resume in waiting { resume() }
    }

    /// Sessions that have a backend, by the branch they lead to.
    func countsByTarget() -> [String: Int] {
        state.withLock { state in
            state.entries.values.reduce(into: [:]) { counts, entry in
                if let route = entry.route { counts[route.target.id, default: 0] += 1 }
            }
        }
    }

    var count: Int { state.withLock { $0.entries.count } }

    /// Whether the gateway is stopping: connections that are still in start-up are then refused.
    var isDraining: Bool { state.withLock { $0.isDraining } }

    func startDraining() { state.withLock { $0.isDraining = true } }

    /// Calls back once no connection is open: at once, or from the thread that ends the last one.
    func whenEmpty(_ resume: @escaping @Sendable () -> Void) {
        let isEmpty = state.withLock { state in
            if !state.entries.isEmpty { state.waitingForEnd.append(resume) }
            return state.entries.isEmpty
        }
        if isEmpty { resume() }
    }

    /// Asks every open connection to close now; the handlers do it, each on its own loop.
    func closeAll() {
        let channels = state.withLock { $0.entries.values.map(\.channel) }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(GatewayEvent.closeNow) }
    }
}

/// What the gateway tells the handlers of a connection.
enum GatewayEvent: Sendable {
    /// Close without waiting for the peer.
    case closeNow
    /// The session's target is gone, stopped or elsewhere.
    case routeChanged
}
