package import Logging
import NIOCore
package import RouteMap

/// What all connections of a gateway share.
package final class GatewayState: Sendable {
    let configuration: GatewayConfiguration
    let certificates: CertificateStore
    let logger: Logger
    let sessions: SessionRegistry
    let handshakes: HandshakeGate
    package let routes: RouteStore
    package let cancelKeys = CancelRegistry()
    package let outcomes = OutcomeCounters()

    package init(
        configuration: GatewayConfiguration,
        certificates: CertificateStore,
        routes: RouteTable,
        logger: Logger
    ) {
        self.configuration = configuration
        self.certificates = certificates
        self.logger = logger
        self.sessions = SessionRegistry(maximum: configuration.maxConnections)
        self.handshakes = HandshakeGate(maximum: configuration.maxHandshakes)
        self.routes = RouteStore(routes)
    }

    /// Where a server name leads now.
    func decide(serverName: String, isWithinLimit: Bool) -> ConnectionMachine.Decision {
        guard !sessions.isDraining else { return .refuse(.shuttingDown) }
        guard isWithinLimit else { return .refuse(.tooManyConnections) }
        switch routes.current.lookUp(serverName: serverName) {
        case .active(let route): return .route(route)
        case .stopped(let route): return .refuse(.branchStopped(route))
        case nil: return .refuse(.unknownHostname(serverName))
        }
    }

    /// How many connections are open, those in start-up included.
    package var connectionCount: Int { sessions.count }

    /// How many connections are between accept and their first packet.
    package var handshakeCount: Int { handshakes.inProgress }
}
