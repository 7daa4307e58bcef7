import RouteMap

/// The two lists of a route map, sorted by hostname.
struct RouteLists: Hashable, Sendable {
    let routes: [Route]
    let stopped: [StoppedRoute]

    static let empty = RouteLists(routes: [], stopped: [])

    init(routes: [Route], stopped: [StoppedRoute]) {
        self.routes = routes.sorted { $0.hostname.name < $1.hostname.name }
        self.stopped = stopped.sorted { $0.hostname.name < $1.hostname.name }
    }

    init(_ table: RouteTable) {
        self.init(routes: table.listedRoutes, stopped: table.listedStopped)
    }

    var hostnames: Set<Hostname> { Set(routes.map(\.hostname)).union(stopped.map(\.hostname)) }

    /// Hostnames that `other` removes without a replacement: the hostname is no longer routed, its target has no other
    /// hostname, and no other branch has its port.
    ///
    /// - Parameter ports: the owners of ports, including branches without a hostname.
    func remainder(after other: RouteLists, ports: [UInt16: String]) -> RouteLists {
        let hostnames = other.hostnames
        let routed = Set(other.routes.map(\.hostname))
        let targets = Set(other.routes.map(\.target.id))
        let known = targets.union(other.stopped.map(\.target.id))
        let stoppedTargets = Dictionary(other.stopped.map { ($0.hostname, $0.target.id) }) { first, _ in first }
        return RouteLists(
            routes: routes.filter { route in
                !routed.contains(route.hostname) && !targets.contains(route.target.id)
                    && ports[route.hostPort] ?? route.target.id == route.target.id
                    && stoppedTargets[route.hostname] ?? route.target.id == route.target.id
            },
            stopped: stopped.filter { !hostnames.contains($0.hostname) && !known.contains($0.target.id) }
        )
    }

    /// Adds entries of another, removing their hostnames from the stopped ones here.
    func keeping(_ other: RouteLists) -> RouteLists {
        let kept = Set(other.routes.map(\.hostname))
        return RouteLists(
            routes: routes + other.routes,
            stopped: stopped.filter { !kept.contains($0.hostname) } + other.stopped
        )
    }

    func without(_ hostnames: Set<Hostname>) -> RouteLists {
        RouteLists(
            routes: routes.filter { !hostnames.contains($0.hostname) },
            stopped: stopped.filter { !hostnames.contains($0.hostname) }
        )
    }
}
