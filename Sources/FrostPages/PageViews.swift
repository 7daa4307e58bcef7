/// The frame of every page except the login: the tree of branches and the footer.
package struct Shell: Sendable {
    package var projects: [ProjectNode]
    /// The gateway's problem on every page; nil without one.
    package var gateway: GatewayMark?
    package var version: String
    /// Changes with the style sheet and the script, so that browsers can cache them for long.
    package var assetVersion: String

    package init(projects: [ProjectNode], gateway: GatewayMark? = nil, version: String, assetVersion: String) {
        self.projects = projects
        self.gateway = gateway
        self.version = version
        self.assetVersion = assetVersion
    }
}

/// A project in the tree and on the overview.
package struct ProjectNode: Sendable {
    package var id: String
    package var name: String
    package var databases: [DatabaseNode]

    package init(id: String, name: String, databases: [DatabaseNode]) {
        self.id = id
        self.name = name
        self.databases = databases
    }
}

/// A database in the tree and on the overview.
package struct DatabaseNode: Sendable {
    package var id: String
    package var name: String
    package var branches: [BranchNode]

    package init(id: String, name: String, branches: [BranchNode]) {
        self.id = id
        self.name = name
        self.branches = branches
    }
}

/// A branch in the tree and on the overview.
package struct BranchNode: Sendable {
    package var id: String
    package var name: String
    package let dot: StatusDot
    /// Whether it is the branch of the page that is shown.
    package var isCurrent: Bool
    package var hostname: String?
    /// "3 sessions"; nil if there are none, or without a report of the gateway.
    package let sessionsText: String?

    package init(
        id: String,
        name: String,
        status: String,
        statusText: String,
        isCurrent: Bool,
        hostname: String? = nil,
        sessions: Int?
    ) {
        self.id = id
        self.hostname = hostname
        self.name = name
        self.dot = StatusDot(status: status, text: statusText)
        self.isCurrent = isCurrent
        self.sessionsText = sessions.flatMap { $0 > 0 ? BranchView.sessionsText($0) : nil }
    }
}

/// A status as a word, with the colour and shape of its dot.
package struct StatusDot: Sendable {
    /// `active`, `stopped`, `creating`, …, and `failed` for a branch that is stopped and has a reason.
    package let status: String
    package let text: String
    /// The tone in the style sheet: `good`, `off`, `busy` or `bad`.
    package let tone: String

    package init(status: String, text: String) {
        self.status = status
        self.text = text
        self.tone =
            switch status {
            case "active", "succeeded": "good"
            case "stopped", "expired", "cancelled": "off"
            case "failed": "bad"
            default: "busy"
            }
    }
}

/// A point in time, for machines and for users.
package struct Moment: Sendable {
    /// ISO 8601, for the `datetime` attribute.
    package var iso: String
    /// "2 minutes ago", "23 Nov, 14:05".
    package var text: String

    package init(iso: String, text: String) {
        self.iso = iso
        self.text = text
    }
}

/// One row of the recent operations.
package struct OperationRow: Sendable {
    package var id: String
    /// "Create", "Stop", …
    package var action: String
    /// The branch, as `shop / dev` or `dev`.
    package var target: String
    /// The page of the branch; nil if it was deleted.
    package var targetHref: String?
    package let dot: StatusDot
    package var message: String?
    /// Whether the page shows the message elsewhere; then it is for the script only.
    package var isSaidAbove: Bool
    /// Whether frost started it on its own.
    package var isByFrost: Bool
    package var startedAt: Moment
    /// "4 s"; nil while it runs.
    package var duration: String?
    /// "1.2 of 3.4 GB" while it runs; nil if unknown.
    package var copied: String?
    package var canCancel: Bool

    package init(
        id: String,
        action: String,
        target: String,
        targetHref: String?,
        status: String,
        statusText: String,
        message: String?,
        isSaidAbove: Bool = false,
        isByFrost: Bool = false,
        startedAt: Moment,
        duration: String?,
        copied: String? = nil,
        canCancel: Bool = false
    ) {
        self.id = id
        self.action = action
        self.target = target
        self.targetHref = targetHref
        self.dot = StatusDot(status: status, text: statusText)
        self.message = message
        self.isSaidAbove = isSaidAbove
        self.isByFrost = isByFrost
        self.startedAt = startedAt
        self.duration = duration
        self.copied = copied
        self.canCancel = canCancel
    }
}

/// A choice of a select element.
package struct Choice: Sendable {
    package var value: String
    package var title: String
    package var isSelected: Bool
    package var isDisabled: Bool

    package init(value: String, title: String, isSelected: Bool = false, isDisabled: Bool = false) {
        self.value = value
        self.title = title
        self.isSelected = isSelected
        self.isDisabled = isDisabled
    }
}

/// `/`: all projects, the gateway and recent operations.
package struct HomeView: Sendable {
    package var shell: Shell
    package var projects: [OverviewProject]
    /// nil if nothing needs attention.
    package var attention: AttentionView?
    package var operations: [OperationRow]
    /// "4 sessions on 2 branches", "No sessions", "Unknown".
    package var sessionsSummary: String
    package var gateway: GatewaySummary
    /// Where a new database can run.
    package var runtimes: [Choice]
    /// Available major versions of PostgreSQL, newest first.
    package var versions: [Choice]
    /// Whether there is no project yet, so that the page explains how to create one.
    package let isEmpty: Bool
    package let hasOperations: Bool

    package init(
        shell: Shell,
        projects: [OverviewProject] = [],
        operations: [OperationRow],
        sessionsSummary: String,
        gateway: GatewaySummary,
        runtimes: [Choice],
        versions: [Choice] = []
    ) {
        self.shell = shell
        self.projects = projects
        attention = AttentionView(projects, gateway: shell.gateway)
        self.operations = operations
        self.sessionsSummary = sessionsSummary
        self.gateway = gateway
        self.runtimes = runtimes
        self.versions = versions
        self.isEmpty = shell.projects.isEmpty
        self.hasOperations = !operations.isEmpty
    }
}

/// `/settings`.
package struct SettingsView: Sendable {
    package var shell: Shell
    package var wildcardBase: String?
    package var gatewayEnabled: Bool
    package var gatewayPort: Int
    package var gateway: GatewaySummary
    package var keeps: KeptHostnames
    /// nil without a report of the gateway.
    package var certificates: CertificatesView?

    /// - Parameter gateway: of the same settings.
    package init(
        shell: Shell,
        wildcardBase: String?,
        gatewayEnabled: Bool,
        gatewayPort: Int,
        gateway: GatewaySummary,
        certificates: CertificatesView? = nil,
        keeps: KeptHostnames
    ) {
        self.keeps = keeps
        self.shell = shell
        self.wildcardBase = wildcardBase
        self.gatewayEnabled = gatewayEnabled
        self.gatewayPort = gatewayPort
        self.gateway = gateway
        self.certificates = certificates
    }
}

/// `/login`.
package struct LoginView: Sendable {
    package var assetVersion: String
    /// The form's action: a path of this site, with the page to return to.
    package var action: String
    /// Why another login is required.
    package var notice: String?
    /// Why the last attempt failed.
    package var fault: String?

    package init(assetVersion: String, action: String = "/login", notice: String? = nil, fault: String? = nil) {
        self.assetVersion = assetVersion
        self.action = action
        self.notice = notice
        self.fault = fault
    }
}

/// An error page, such as 404.
package struct ProblemView: Sendable {
    package var shell: Shell
    package var status: Int
    package var title: String
    /// The problem and the next step.
    package var sentence: String

    package init(shell: Shell, status: Int, title: String, sentence: String) {
        self.shell = shell
        self.status = status
        self.title = title
        self.sentence = sentence
    }
}
