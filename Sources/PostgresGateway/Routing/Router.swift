import GatewayCore
import RouteMap

/// Resolves a server name with the current route map.
package struct Router: Sendable {
    package let routes: RouteStore
    let clock: GatewayClock

    /// The one look-up of a connection, at its ClientHello.
    func decide(serverName: String?) -> ConnectionMachine.Decision {
        guard let serverName else { return .refuse(.noServerName) }
        guard let table = routes.confirmedTable(at: clock.now) else { return .refuse(.routeMapUnconfirmed) }
        switch table.entry(for: serverName) {
        case .active(let route): return .route(route)
        case .conflicting(let route): return .refuse(.addressConflict(route))
        case .stopped(let route): return .refuse(.branchStopped(route))
        case nil: return .refuse(.unknownHostname(serverName))
        }
    }

    /// Whether a resolved route is still in effect unchanged.
    func serves(_ route: Route) -> Bool {
        routes.confirmedTable(at: clock.now)?.serves(route) == true
    }
}
