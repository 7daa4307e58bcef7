/// The routes in force at one time: immutable, looked up by exact hostname, swapped as a whole.
///
/// There is no default route and no prefix match: branches of one database share credentials, so
/// a wrong route would log in silently to the wrong data.
package struct RouteTable: Sendable {
    private let entries: [String: Entry]
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
        entries = [:]
        backends = []
    }

    /// Builds a table.
    ///
    /// - Throws: ``RouteMapError`` when a hostname stands in the lists more than once.
    package init(routes: [Route], stopped: [StoppedRoute]) throws(RouteMapError) {
        var entries: [String: Entry] = [:]
        entries.reserveCapacity(routes.count + stopped.count)
        for (index, route) in routes.enumerated()
        where entries.updateValue(.active(route), forKey: route.hostname.name) != nil {
            throw RouteMapError(key: "routes[\(index)].hostname", problem: "'\(route.hostname)' is there twice")
        }
        for (index, route) in stopped.enumerated()
        where entries.updateValue(.stopped(route), forKey: route.hostname.name) != nil {
            throw RouteMapError(key: "stopped[\(index)].hostname", problem: "'\(route.hostname)' is there twice")
        }
        self.entries = entries
        backends = Set(routes.map(Backend.init))
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
        for (name, entry) in entries {
            switch old.entries[name] {
            case nil: changes.added += 1
            case entry: break
            default: changes.changed += 1
            }
        }
        changes.removed = old.entries.count + changes.added - entries.count
        return changes
    }

    /// What the table says of a server name as a client sent it; nil when no branch has it.
    package func lookUp(serverName: String) -> Entry? {
        guard let hostname = try? Hostname(serverName) else { return nil }
        return entries[hostname.name]
    }

    /// The hostname of each target, by its id.
    package var hostnames: [String: Hostname] {
        var hostnames: [String: Hostname] = [:]
        for entry in entries.values {
            switch entry {
            case .active(let route): hostnames[route.target.id] = route.hostname
            case .stopped(let route): hostnames[route.target.id] = route.hostname
            }
        }
        return hostnames
    }

    /// How many hostnames the table has, those of stopped branches included.
    package var count: Int { entries.count }
}
