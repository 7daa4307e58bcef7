/// An immutable set of routes, looked up by exact hostname and replaced as a whole.
///
/// There is no default route and no prefix match: branches of one database share credentials, so
/// a wrong route would log in silently to the wrong data.
package struct RouteTable: Sendable {
    /// As they were given, since to copy all their texts into a dictionary takes longer than to build one of places.
    let routes: [Route]
    let stopped: [StoppedRoute]
    /// The writer's confirmation; nil for a map that is valid until the next one.
    package let confirmation: RouteMapConfirmation?
    /// Addresses that routes of several targets claim, in the order of the map.
    package let conflicts: [AddressConflict]
    /// Where the entry of each hostname is: in `routes`, or behind them in `stopped`.
    private let places: [String: Int]
    /// Which servers are behind the active routes, whatever their hostnames.
    private let backends: Backends

    package enum Entry: Hashable, Sendable {
        case active(Route)
        /// Another target has the same address, so the server behind it is ambiguous.
        case conflicting(Route)
        case stopped(StoppedRoute)
    }

    /// No routes at all: what a gateway starts with that has no good route map yet.
    package static let empty = RouteTable()

    private init() {
        routes = []
        stopped = []
        confirmation = nil
        conflicts = []
        places = [:]
        backends = Backends()
    }

    /// Builds a table.
    ///
    /// - Throws: ``RouteMapError`` when a hostname stands in the lists more than once, or a host is no
    ///   loopback IP address. Routes with one address are no error: ``conflicts`` has them.
    package init(
        routes: [Route],
        stopped: [StoppedRoute],
        confirmation: RouteMapConfirmation? = nil
    ) throws(RouteMapError) {
        do throws(Fault) {
            self = try RouteTable(checking: routes, stopped, confirmation)
        } catch {
            throw RouteMapError(key: "\(error.list.rawValue)[\(error.index)].\(error.key)", problem: error.problem)
        }
    }

    /// - Throws: ``Fault`` for the rules that hold between entries, and for a host that is no loopback address.
    init(
        checking routes: [Route],
        _ stopped: [StoppedRoute],
        _ confirmation: RouteMapConfirmation?
    ) throws(Fault) {
        var places: [String: Int] = [:]
        places.reserveCapacity(routes.count + stopped.count)
        var backends = Backends()
        backends.reserveCapacity(routes.count)
        for index in routes.indices {
            guard places.updateValue(index, forKey: routes[index].hostname.name) == nil else {
                throw Fault(.routes, index, "hostname", "'\(routes[index].hostname)' is a duplicate")
            }
            guard backends.add(routes[index], at: index) else {
                throw Fault(.routes, index, "host", Fault.notLoopback(routes[index].host))
            }
        }
        for index in stopped.indices {
            guard places.updateValue(routes.count + index, forKey: stopped[index].hostname.name) == nil else {
                throw Fault(.stopped, index, "hostname", "'\(stopped[index].hostname)' is a duplicate")
            }
        }
        self.routes = routes
        self.stopped = stopped
        self.confirmation = confirmation
        self.places = places
        self.conflicts = backends.findConflicts(in: routes)
        self.backends = backends
    }

    /// A rule that an entry breaks.
    struct Fault: Error, Hashable, Sendable {
        enum List: String, Hashable, Sendable {
            case routes
            case stopped
        }

        var list: List
        var index: Int
        var key: String
        var problem: String

        init(_ list: List, _ index: Int, _ key: String, _ problem: String) {
            self.list = list
            self.index = index
            self.key = key
            self.problem = problem
        }

        static func notLoopback(_ host: String) -> String {
            "'\(RouteMapError.shown(host))' is not a loopback IP address (127.0.0.0/8 or ::1)"
        }
    }

    private func entry(_ name: String) -> Entry? {
        guard let place = places[name] else { return nil }
        guard place < routes.count else { return .stopped(stopped[place - routes.count]) }
        return backends.isConflicting(routes[place]) ? .conflicting(routes[place]) : .active(routes[place])
    }

    /// Whether a session that was begun by `route` may go on: its target is active at the same place,
    /// under whatever name, and no other claims that place. It survives a rename; a stop, a removal or
    /// another port ends it. So does a conflict: the session may have been begun after the port went
    /// to the other target, and the two cases cannot be distinguished.
    package func serves(_ route: Route) -> Bool { backends.serves(route, in: routes) }

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

    /// The entries added, removed and changed since another table.
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

    /// Whether two tables say the same of every hostname, in whatever order and whenever they were
    /// made or confirmed.
    package func isSame(as other: RouteTable) -> Bool {
        // Nearly always in the same order, which is seen without looking each one up.
        if routes == other.routes, stopped == other.stopped { return true }
        return count == other.count && changes(since: other) == Changes()
    }

    /// The entry for a server name as sent by a client; nil if no branch has it.
    package func entry(for serverName: String) -> Entry? {
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
