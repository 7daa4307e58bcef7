import RouteMap

/// A snapshot of an installed Frost's database for routes.
struct FrostContents: Hashable, Sendable {
    struct Branch: Hashable, Sendable {
        var target: Target
        var request: HostnameBuilder.Request
        var isActive: Bool
        /// Whether Frost itself listens on the host port and wakes the branch: scale-to-zero is set.
        var wakes: Bool
        /// nil if the row has no valid port.
        var hostPort: UInt16?
        /// Other engines are never routed, but they use ports.
        var isPostgres = true

        /// Its name in problems.
        var name: String { Self.name(target.name, of: target.database) }

        static func name(_ branch: String, of database: String) -> String {
            "\(database.prefix(100))/\(branch.prefix(100))"
        }
    }

    /// nil if no branch has a hostname.
    var base: Hostname?
    /// Of every engine, oldest first.
    var branches: [Branch]
    /// Problems of branches that cannot be routed.
    var problems: [String]
    var installation: FrostInstallation

    /// Of branches that can have a hostname.
    var requests: [HostnameBuilder.Request] { branches.filter(\.isPostgres).map(\.request) }

    /// The desired lists, and the problems that keep active branches out of them.
    ///
    /// - Parameter owners: the owner of each host port; no other branch is routed to it.
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
            // Known but unreachable: a stopped entry tells clients more than an unknown hostname.
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

/// The Frost installation of a database.
package struct FrostInstallation: Hashable, Sendable {
    /// The number of its last migration, e.g. `018`; nil if there is none.
    package var migration: String?
    package var projects: Int
    /// PostgreSQL branches, in any state.
    package var branches: Int
}

/// A preview of `frost sync`.
package struct FrostOutlook: Hashable, Sendable {
    package var installation: FrostInstallation
    /// Branches to be routed.
    package var active: Int
    package var stopped: Int
    /// Problems that keep branches from being routed, one sentence each.
    package var problems: [String]
}
