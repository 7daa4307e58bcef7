import GatewayCore
import NIOCore
import PostgresWire

/// A connection as the handlers of the gateway hold it.
struct ModelConnection {
    enum Stage {
        /// From accept to the hand-over, or to the close.
        case client(ConnectionMachine)
        case relay(ModelRelay)
        case left
    }

    var stage = Stage.client(ConnectionMachine())
    /// As the registry was last told.
    var startup: StartupTurn?

    /// Whether its handlers act as if it had a session.
    var believesInSession: Bool {
        switch stage {
        case .client(let machine): machine.route != nil
        case .relay(let relay): !relay.legs.closed.contains(.client)
        case .left: false
        }
    }

    /// Whether it serves a CancelRequest. No limit blocks one: it goes on also when it has made way in the meantime.
    var servesCancel: Bool {
        switch stage {
        case .client(let machine): machine.startup == .gateway && !machine.isStartingUp
        case .relay, .left: false
        }
    }

    /// Whether its handlers act as if it had a place among start-ups.
    var believesInPlace: Bool {
        switch stage {
        case .client(let machine): machine.startup != nil
        case .relay, .left: false
        }
    }
}

/// A session's two legs.
struct ModelRelay {
    /// Nil once there is nothing more to learn.
    var upstream: UpstreamMachine?
    var machine = RelayMachine(idleTimeout: .seconds(600))
    var legs = LegsCheck()
    var key: CancelKey?
}
