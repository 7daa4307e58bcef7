package import GatewayCore
package import Logging
import NIOCore
package import RouteMap
import Synchronization

/// What all connections of a gateway share.
package final class GatewayState: Sendable {
    package let configuration: GatewayConfiguration
    package let certificates: CertificateStore
    package let logger: Logger
    let refusalLog: RefusalLog
    package let acceptFailures: AcceptFailures
    let sessions: SessionRegistry
    let handshakes: HandshakeGate
    package let routes: RouteStore
    let clock: GatewayClock
    package let cancelKeys = CancelKeys()
    package let outcomes = LabelledCounter<ConnectionOutcome>()
    package let routeReloads = LabelledCounter<ReloadOutcome>()
    package let certificateReloads = LabelledCounter<ReloadOutcome>()

    private let listening = Atomic(false)

    package init(
        configuration: GatewayConfiguration,
        certificates: CertificateStore,
        routes: RouteTable = .empty,
        clock: GatewayClock = .system,
        logger: Logger
    ) {
        self.configuration = configuration
        self.certificates = certificates
        self.logger = logger
        self.refusalLog = RefusalLog(logger: logger)
        self.acceptFailures = AcceptFailures(logger: logger)
        self.sessions = SessionRegistry(maximum: configuration.maxConnections)
        self.handshakes = HandshakeGate(maximum: configuration.maxHandshakes)
        self.routes = RouteStore(routes)
        self.clock = clock
    }

    /// Where a server name leads now.
    func decide(serverName: String, isWithinLimit: Bool) -> ConnectionMachine.Decision {
        guard !sessions.isDraining else { return .refuse(.shuttingDown) }
        guard isWithinLimit else { return .refuse(.tooManyConnections) }
        guard let table = routes.confirmedTable(at: clock.now) else { return .refuse(.routeMapUnconfirmed) }
        switch table.lookUp(serverName: serverName) {
        case .active(let route): return .route(route)
        case .conflicting(let route): return .refuse(.addressConflict(route))
        case .stopped(let route): return .refuse(.branchStopped(route))
        case nil: return .refuse(.unknownHostname(serverName))
        }
    }

    func startedListening() { listening.store(true, ordering: .releasing) }

    /// Whether connections have been accepted from some time on.
    var isListening: Bool { listening.load(ordering: .acquiring) }

    /// How many connections are open, those in start-up included.
    package var connectionCount: Int { sessions.count }

    /// How many connections are between accept and their first packet.
    package var handshakeCount: Int { handshakes.inProgress }
}
