package import GatewayCore
import GatewayHardening
package import Logging
import NIOCore
package import RouteMap
import Synchronization

/// What all connections of a gateway share.
package final class GatewayState: Sendable {
    package let configuration: GatewayConfiguration
    package let certificates: CertificateStore
    package let logger: Logger
    package let log: ConnectionLog
    package let acceptFailures: AcceptFailures
    package let registry: ConnectionRegistry
    package let routes: RouteStore
    let router: Router
    let clock: GatewayClock
    let times: ConnectionTimes
    package let cancelKeys = CancelKeys()
    package let routeReloads = LabelledCounter<ReloadOutcome>()
    package let certificateReloads = LabelledCounter<ReloadOutcome>()

    private let listening = Atomic(false)

    package init(
        configuration: GatewayConfiguration,
        certificates: CertificateStore,
        routes: RouteTable = .empty,
        clock: GatewayClock = .system,
        times: ConnectionTimes? = nil,
        logger: Logger
    ) {
        self.configuration = configuration
        self.certificates = certificates
        self.logger = logger
        self.acceptFailures = AcceptFailures(logger: logger)
        log = ConnectionLog(logger: logger)
        registry = ConnectionRegistry(limits: AdmissionLimits(configuration), log: log)
        self.routes = RouteStore(routes)
        self.clock = clock
        self.times = times ?? ConnectionTimes(configuration)
        router = Router(routes: self.routes, clock: clock)
    }

    func startedListening() { listening.store(true, ordering: .releasing) }
    func stoppedListening() { listening.store(false, ordering: .releasing) }

    /// Whether connections are accepted.
    var isListening: Bool { listening.load(ordering: .acquiring) }
}

extension AdmissionLimits {
    fileprivate init(_ configuration: GatewayConfiguration) {
        self.init(
            maxStartups: configuration.maxStartups,
            maxStartupsPerAddress: configuration.maxStartupsPerAddress,
            maxHandshakes: configuration.maxHandshakes,
            maxConnections: configuration.maxConnections,
            maxConnectionsPerRoute: configuration.maxConnectionsPerRoute,
            maxConnectionsPerAddress: configuration.maxConnectionsPerAddress,
            maxUnauthenticatedPerRoute: configuration.maxUnauthenticatedPerRoute,
            maxUnauthenticatedPerAddress: configuration.maxUnauthenticatedPerAddress,
            maxAuthenticationFailures: configuration.maxAuthenticationFailures
        )
    }
}
