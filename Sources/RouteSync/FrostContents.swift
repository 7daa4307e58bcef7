import RouteMap

/// What the database of an installed Frost says of routes, at one time.
struct FrostContents: Hashable, Sendable {
    struct Branch: Hashable, Sendable {
        var target: Target
        var request: HostnameBuilder.Request
        var isActive: Bool
        /// Whether Frost itself listens on the host port and wakes the branch: scale-to-zero is set.
        var wakes: Bool
        /// nil when the row has none that is a port.
        var hostPort: UInt16?
        /// Others are never routed. They count since they take ports.
        var isPostgres = true

        /// What it is called in a problem.
        var name: String { Self.name(target.name, of: target.database) }

        static func name(_ branch: String, of database: String) -> String {
            "\(database.prefix(100))/\(branch.prefix(100))"
        }
    }

    /// nil when nobody has a hostname.
    var base: Hostname?
    /// Of every engine, the oldest first.
    var branches: [Branch]
    /// What could not be made a route, and why.
    var problems: [String]
    var installation: FrostInstallation

    /// Of the branches that may have a hostname.
    var requests: [HostnameBuilder.Request] { branches.filter(\.isPostgres).map(\.request) }

    /// The lists as they should be, and what keeps active branches out of them.
    ///
    /// - Parameter owners: the branch of each host port, which leads to no other.
    func lists(names: [String: Hostname], owners: [UInt16: Branch]) -> (RouteLists, problems: [String]) {
        var routes: [Route] = []
        var stopped: [StoppedRoute] = []
        var problems: [String] = []
        for branch in branches where branch.isPostgres {
            guard let hostname = names[branch.target.id] else { continue }
            let owner = branch.hostPort.flatMap { owners[$0] }
            if let port = branch.hostPort, owner?.target.id == branch.target.id {
                routes.append(Route(hostname: hostname, hostPort: port, target: branch.target))
                continue
            }
            // Known, and not to be reached: better told than unknown.
            stopped.append(StoppedRoute(hostname: hostname, target: branch.target))
            guard branch.isActive else { continue }
            if let port = branch.hostPort, let owner {
                problems.append(
                    "\(branch.name) and \(owner.name) are both active with host port \(port); only \(owner.name), "
                        + "which had it last, is routed. Stop or delete \(branch.name) in Frost, or deploy it"
                )
            } else {
                problems.append("\(branch.name) is active but has no host port")
            }
        }
        return (RouteLists(routes: routes, stopped: stopped), problems)
    }
}

/// Which Frost a database belongs to.
package struct FrostInstallation: Hashable, Sendable {
    /// The first word of its last migration, e.g. `018`; nil when it has noted none.
    package var migration: String?
    package var projects: Int
    /// PostgreSQL branches, in any state.
    package var branches: Int
}

/// What `frost sync` would do.
package struct FrostOutlook: Hashable, Sendable {
    package var installation: FrostInstallation
    /// Branches that would be routed.
    package var active: Int
    package var stopped: Int
    /// What keeps branches from being routed, each a sentence.
    package var problems: [String]
}
