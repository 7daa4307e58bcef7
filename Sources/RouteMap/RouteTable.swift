/// The routes in force at one time: immutable, looked up by exact hostname, swapped as a whole.
///
/// There is no default route and no prefix match: branches of one database share credentials, so
/// a wrong route would log in silently to the wrong data.
package struct RouteTable: Sendable {
    /// As they were given, since to copy all their texts into a dictionary takes longer than to build one of places.
    let routes: [Route]
    let stopped: [StoppedRoute]
    /// Where the entry of each hostname is: in `routes`, or behind them in `stopped`.
    private let places: [String: Int]
    /// Which servers are behind the active routes, whatever their hostnames.
    private let backends: Set<Backend>

    package enum Entry: Hashable, Sendable {
        case active(Route)
        case stopped(StoppedRoute)
    }

    private struct Backend: Hashable, Sendable {
        var targetID: String
        var host: String
        var hostPort: UInt16

        init(_ route: Route) {
            targetID = route.target.id
            host = route.host
            hostPort = route.hostPort
        }
    }

    /// No routes at all: what a gateway starts with that has no good route map yet.
    package static let empty = RouteTable()

    private init() {
        routes = []
        stopped = []
        places = [:]
        backends = []
    }

    /// Builds a table.
    ///
    /// - Throws: ``RouteMapError`` when a hostname stands in the lists more than once.
    package init(routes: [Route], stopped: [StoppedRoute]) throws(RouteMapError) {
        var places: [String: Int] = [:]
        places.reserveCapacity(routes.count + stopped.count)
        var backends: Set<Backend> = []
        backends.reserveCapacity(routes.count)
        for index in routes.indices {
            guard places.updateValue(index, forKey: routes[index].hostname.name) == nil else {
                throw Self.duplicate(routes[index].hostname, in: "routes[\(index)]")
            }
            backends.insert(Backend(routes[index]))
        }
        for index in stopped.indices {
            guard places.updateValue(routes.count + index, forKey: stopped[index].hostname.name) == nil else {
                throw Self.duplicate(stopped[index].hostname, in: "stopped[\(index)]")
            }
        }
        self.routes = routes
        self.stopped = stopped
        self.places = places
        self.backends = backends
    }

    private static func duplicate(_ hostname: Hostname, in key: String) -> RouteMapError {
        RouteMapError(key: "\(key).hostname", problem: "'\(hostname)' is there twice")
    }

    private func entry(_ name: String) -> Entry? {
        guard let place = places[name] else { return nil }
        return place < routes.count ? .active(routes[place]) : .stopped(stopped[place - routes.count])
    }

    /// Whether a session that was begun by `route` may go on: its target is active at the same place,
    /// under whatever name. It survives a rename; a stop, a removal or another port ends it.
    package func serves(_ route: Route) -> Bool { backends.contains(Backend(route)) }

    /// How two tables differ, by hostname.
    package struct Changes: Hashable, Sendable {
        package var added = 0
        package var removed = 0
        package var changed = 0

        package init(added: Int = 0, removed: Int = 0, changed: Int = 0) {
            self.added = added
            self.removed = removed
            self.changed = changed
        }
    }

    /// What came, went and became different since another table.
    package func changes(since old: RouteTable) -> Changes {
        var changes = Changes()
        for name in places.keys {
            switch old.entry(name) {
            case nil: changes.added += 1
            case entry(name): break
            default: changes.changed += 1
            }
        }
        changes.removed = old.count + changes.added - count
        return changes
    }

    /// What the table says of a server name as a client sent it; nil when no branch has it.
    package func lookUp(serverName: String) -> Entry? {
        guard let hostname = try? Hostname(serverName) else { return nil }
        return entry(hostname.name)
    }

    /// The hostname of each target, by its id.
    package var hostnames: [String: Hostname] {
        var hostnames: [String: Hostname] = [:]
        for route in routes { hostnames[route.target.id] = route.hostname }
        for route in stopped { hostnames[route.target.id] = route.hostname }
        return hostnames
    }

    /// How many hostnames the table has, those of stopped branches included.
    package var count: Int { places.count }
}
