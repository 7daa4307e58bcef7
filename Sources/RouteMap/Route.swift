/// What a hostname stands for: a branch, named as its users know it.
package struct Target: Hashable, Sendable, Codable {
    /// The branch's immutable id, `dbt_…`.
    package var id: String
    package var name: String
    package var database: String
    package var project: String

    package init(id: String, name: String, database: String, project: String) {
        self.id = id
        self.name = name
        self.database = database
        self.project = project
    }
}

/// Where the connections of one hostname go.
package struct Route: Hashable, Sendable {
    package var hostname: Hostname
    /// An IP literal on the loopback interface.
    package var host: String
    package var hostPort: UInt16
    /// Most sessions at a time; nil where the route map sets no limit.
    package var maxConnections: Int?
    /// Whether routes of other targets may have the same address, as with a pooler in front of several branches.
    package var isSharedAddress: Bool
    package var target: Target

    package init(
        hostname: Hostname,
        host: String = Route.defaultHost,
        hostPort: UInt16,
        maxConnections: Int? = nil,
        isSharedAddress: Bool = false,
        target: Target
    ) {
        self.hostname = hostname
        self.host = host
        self.hostPort = hostPort
        self.maxConnections = maxConnections
        self.isSharedAddress = isSharedAddress
        self.target = target
    }

    /// Where a branch listens when the route map names no host.
    package static let defaultHost = "127.0.0.1"
}

/// A hostname whose branch exists but does not run.
package struct StoppedRoute: Hashable, Sendable {
    package var hostname: Hostname
    package var target: Target

    package init(hostname: Hostname, target: Target) {
        self.hostname = hostname
        self.target = target
    }
}
