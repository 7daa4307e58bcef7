import GatewayCore
import RouteMap

/// Where a server name leads, by the one route map in force.
package struct Router: Sendable {
    package let routes: RouteStore
    let clock: GatewayClock

    /// The one look-up of a connection, at its ClientHello.
    func decide(serverName: String?) -> ConnectionMachine.Decision {
        guard let serverName else { return .refuse(.noServerName) }
        guard let table = routes.confirmedTable(at: clock.now) else { return .refuse(.routeMapUnconfirmed) }
        switch table.lookUp(serverName: serverName) {
        case .active(let route): return .route(route)
        case .conflicting(let route): return .refuse(.addressConflict(route))
        case .stopped(let route): return .refuse(.branchStopped(route))
        case nil: return .refuse(.unknownHostname(serverName))
        }
    }

    /// Whether a route that was looked up is still in force as it was.
    func serves(_ route: Route) -> Bool {
        routes.confirmedTable(at: clock.now)?.serves(route) == true
    }
}
