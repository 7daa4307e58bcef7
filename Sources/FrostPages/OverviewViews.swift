/// A project on the overview.
package struct OverviewProject: Sendable {
    package var id: String
    package var name: String
    package var databases: [OverviewDatabase]
    /// Whether it cannot be deleted yet.
    package let hasDatabases: Bool
    /// The suffix of its hostnames: `pg.shop.example.net`; nil without a wildcard domain.
    package var zone: String?

    package init(id: String, name: String, databases: [OverviewDatabase], zone: String?) {
        self.id = id
        self.name = name
        self.databases = databases
        self.hasDatabases = !databases.isEmpty
        self.zone = zone
    }
}

/// A database on the overview, with the table of its branches.
package struct OverviewDatabase: Sendable {
    package var id: String
    package var name: String
    package var branches: [BranchRow]
    /// The suffix of its project's hostnames.
    package var zone: String?

    package init(id: String, name: String, branches: [BranchRow], zone: String?) {
        self.id = id
        self.name = name
        self.branches = branches
        self.zone = zone
    }
}

/// A branch in the table of its database.
package struct BranchRow: Sendable {
    package var id: String
    package var name: String
    package var databaseId: String
    package let dot: StatusDot
    /// Why it failed, or when it will be deleted after its expiry.
    package let reason: String?
    package var hostname: String?
    /// Whether no certificate covers its hostname.
    package var isUncovered: Bool
    /// The branch it was copied from: its id and name.
    package var source: Choice?
    /// "3"; "Unknown" without a report of the gateway.
    package let sessions: String
    /// The effect of a stop on sessions, for the confirmation.
    package let sessionsWarning: String
    /// "7.6 MB"; nil while it is not running, or has not been queried.
    package var size: String?
    package var createdAt: Moment
    package let canStart: Bool
    package let canStop: Bool

    /// - Parameter status: `failed` for a branch that is stopped and has a reason.
    package init(
        id: String,
        name: String,
        databaseId: String,
        status: String,
        statusText: String,
        reason: String? = nil,
        hostname: String?,
        isUncovered: Bool = false,
        source: Choice? = nil,
        sessions: Int?,
        size: String? = nil,
        createdAt: Moment
    ) {
        self.id = id
        self.name = name
        self.databaseId = databaseId
        self.dot = StatusDot(status: status, text: statusText)
        self.reason = status == "failed" || status == "expired" ? reason : nil
        self.hostname = hostname
        self.isUncovered = isUncovered
        self.source = source
        self.sessions = sessions.map(String.init) ?? "Unknown"
        self.sessionsWarning = BranchView.sessionsWarning(sessions)
        self.size = size
        self.createdAt = createdAt
        canStart = ["stopped", "failed", "expired"].contains(status)
        canStop = status == "active" || status == "recovering"
    }
}

/// Problems that need attention, at the top of the overview.
package struct AttentionView: Sendable {
    /// One problem.
    package struct Row: Sendable {
        package let dot: StatusDot
        /// `shop / dev`; nil if the text beside the dot names it.
        package let title: String?
        /// The reason, from the server.
        package let reason: String?
        /// The page with details.
        package let href: String
    }

    /// `2 things need attention`.
    package let title: String
    package let rows: [Row]
    /// `and 3 more failed branches`; nil when all are shown.
    package let more: String?

    private static let most = 5

    /// - Returns: nil while nothing needs attention.
    package init?(_ projects: [OverviewProject], gateway: GatewayMark?) {
        let failed = Self.rows(of: projects, "failed")
        let expired = Self.rows(of: projects, "expired")
        let count = failed.count + expired.count + (gateway == nil ? 0 : 1)
        guard count > 0 else { return nil }
        title = count == 1 ? "1 thing needs attention" : "\(count) things need attention"
        // Without the gateway, no client can connect to any branch.
        rows =
            (gateway.map { [Row(dot: $0.dot, title: nil, reason: nil, href: $0.href)] } ?? [])
            + (failed + expired).prefix(Self.most)
        let rest = failed.count + expired.count - Self.most
        let kind = expired.isEmpty ? "failed " : failed.count <= Self.most ? "expired " : ""
        more = rest > 0 ? (rest == 1 ? "and 1 more \(kind)branch" : "and \(rest) more \(kind)branches") : nil
    }

    private static func rows(of projects: [OverviewProject], _ status: String) -> [Row] {
        projects.flatMap(\.databases).flatMap { database in
            database.branches.filter { $0.dot.status == status }.map { branch in
                Row(
                    dot: branch.dot,
                    title: "\(database.name) / \(branch.name)",
                    reason: branch.reason,
                    href: "/branches/\(branch.id)"
                )
            }
        }
    }
}
