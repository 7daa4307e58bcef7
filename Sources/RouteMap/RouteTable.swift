/// The routes in force at one time: immutable, looked up by exact hostname, swapped as a whole.
///
/// There is no default route and no prefix match: branches of one database share credentials, so
/// a wrong route would log in silently to the wrong data.
package struct RouteTable: Sendable {
    private let entries: [String: Entry]

    package enum Entry: Hashable, Sendable {
        case active(Route)
        case stopped(StoppedRoute)
    }

    /// No routes at all: what a gateway starts with that has no good route map yet.
    package static let empty = RouteTable(entries: [:])

    private init(entries: [String: Entry]) {
        self.entries = entries
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
    }

    /// What the table says of a server name as a client sent it; nil when no branch has it.
    package func lookUp(serverName: String) -> Entry? {
        guard let hostname = try? Hostname(serverName) else { return nil }
        return entries[hostname.name]
    }

    /// How many hostnames the table has, those of stopped branches included.
    package var count: Int { entries.count }
}
