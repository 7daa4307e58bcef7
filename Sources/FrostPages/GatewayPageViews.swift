/// `/gateway`: the gateway's last hour.
package struct GatewayPageView: Sendable {
    package var shell: Shell
    package var gateway: GatewaySummary
    /// "shop / dev", where the charts are of one branch alone; nil for all.
    package var branch: Choice?
    package var figures: [GatewayFigure]
    /// Since when the hour is known, and where it is not.
    package var kept: String
    package var charts: [TimeChart]
    package var branches: GatewayBranchesView
    package var refusals: [RefusalRow]
    package var limits: [LimitRow]
    /// nil while the gateway does not say.
    package var certificates: CertificatesView?
    package let hasRefusals: Bool
    package let hasLimits: Bool
    /// "dev · Gateway"
    package let title: String

    package init(
        shell: Shell,
        gateway: GatewaySummary,
        branch: Choice?,
        figures: [GatewayFigure],
        kept: String,
        charts: [TimeChart],
        branches: GatewayBranchesView,
        refusals: [RefusalRow],
        limits: [LimitRow],
        certificates: CertificatesView?
    ) {
        self.shell = shell
        self.gateway = gateway
        self.branch = branch
        self.figures = figures
        self.kept = kept
        self.charts = charts
        self.branches = branches
        self.refusals = refusals
        self.limits = limits
        self.certificates = certificates
        hasRefusals = !refusals.isEmpty
        hasLimits = !limits.isEmpty
        title = branch.map { "\($0.title) · Gateway" } ?? "Gateway"
    }
}

/// A number with what it is.
package struct GatewayFigure: Sendable {
    package var id: String
    package var name: String
    package var text: String

    package init(_ id: String, _ name: String, _ text: String) {
        self.id = id
        self.name = name
        self.text = text
    }
}

/// The branches that somebody connected to in the last hour.
package struct GatewayBranchesView: Sendable {
    package struct Row: Sendable {
        package var id: String
        /// "shop / dev"
        package var name: String
        /// The charts of this branch; nil when it is gone.
        package var href: String?
        package var sessions: String
        package var connections: String
        package var errors: String
        package var bytesIn: String
        package var bytesOut: String
        /// HTML.
        package var sparkline: String

        package init(
            id: String,
            name: String,
            href: String?,
            sessions: String,
            connections: String,
            errors: String,
            bytesIn: String,
            bytesOut: String,
            sparkline: String
        ) {
            self.id = id
            self.name = name
            self.href = href
            self.sessions = sessions
            self.connections = connections
            self.errors = errors
            self.bytesIn = bytesIn
            self.bytesOut = bytesOut
            self.sparkline = sparkline
        }
    }

    package let rows: [Row]
    package let hasRows: Bool
    /// "Show all 57 branches"; nil when all are there.
    package let more: String?
    /// How many are not in the table, in a sentence; nil when there is nothing to say.
    package let rest: String?

    /// Rows that are shown when nobody asks for all.
    package static let most = 20

    /// - Parameter count: of all busy branches.
    package init(rows: [Row], of count: Int, rest: String?) {
        self.rows = rows
        self.rest = rest
        hasRows = !rows.isEmpty
        more = count > rows.count ? "Show all \(count) branches" : nil
    }
}

/// Refusals of one kind.
package struct RefusalRow: Sendable {
    /// For programs: `unknown_hostname`.
    package var code: String
    package var reason: String
    /// The branch that was asked for; nil when there was none.
    package var branch: Choice?
    package var hostname: String?
    package var count: String
    package var last: Moment
    package var hint: String

    package init(
        code: String,
        reason: String,
        branch: Choice?,
        hostname: String?,
        count: String,
        last: Moment,
        hint: String
    ) {
        self.code = code
        self.reason = reason
        self.branch = branch
        self.hostname = hostname
        self.count = count
        self.last = last
        self.hint = hint
    }
}

/// A limit that is near, or reached.
package struct LimitRow: Sendable {
    /// The name of its variable.
    package var variable: String
    /// "95 of 100, for shop / dev".
    package var text: String
    package var dot: StatusDot

    package init(variable: String, text: String, dot: StatusDot) {
        self.variable = variable
        self.text = text
        self.dot = dot
    }
}
