/// `/branches/{targetId}`: one branch, its connections and its actions.
package struct BranchView: Sendable {
    package var shell: Shell
    package var branch: BranchFields
    /// External, Internal, Direct, in this order; exactly one is current.
    package var connections: [ConnectionView]
    /// "3 sessions", "No sessions", "Unknown".
    package let sessionsNow: String
    package var openSessions: [SessionRow]
    /// "and 3 more"; nil when all of them are shown.
    package let moreSessions: String?
    package let hasSessions: Bool
    package var log: ServerLogView
    /// The effect of a stop or restart on sessions, for the dialogs.
    package let sessionsWarning: String
    /// The other branches of the database, as sources of a create or reset.
    package var others: [Choice]
    package var operations: [OperationRow]
    /// The running operation.
    package var running: RunningOperation?
    package let hasOperations: Bool
    package let can: BranchActions
    package var keeps: KeptHostnames

    package init(
        shell: Shell,
        branch: BranchFields,
        connections: [ConnectionView],
        sessions: Int?,
        openSessions: [SessionRow] = [],
        log: ServerLogView,
        others: [Choice],
        operations: [OperationRow],
        running: RunningOperation?,
        keeps: KeptHostnames
    ) {
        self.openSessions = openSessions
        hasSessions = !openSessions.isEmpty
        let more = (sessions ?? 0) - openSessions.count
        moreSessions = more > 0 && hasSessions ? "and \(more) more" : nil
        self.log = log
        self.keeps = keeps
        self.shell = shell
        self.branch = branch
        self.connections = connections
        self.sessionsNow = sessions.map(Self.sessionsText) ?? "Unknown"
        self.sessionsWarning = Self.sessionsWarning(sessions)
        self.others = others
        self.operations = operations
        self.running = running
        self.hasOperations = !operations.isEmpty
        self.can = BranchActions(branch: branch, isRunning: running != nil, hasOthers: !others.isEmpty)
    }

    /// The effect of a server's stop on a number of sessions.
    static func sessionsWarning(_ count: Int?) -> String {
        switch count {
        case .some(0): "No sessions are open through the gateway."
        case .some(1): "1 open session will be closed."
        case .some(let count): "\(count) open sessions will be closed."
        case .none: "Open sessions will be closed."
        }
    }

    /// A number of sessions in words.
    package static func sessionsText(_ count: Int) -> String {
        switch count {
        case 0: "No sessions"
        case 1: "1 session"
        default: "\(count) sessions"
        }
    }
}

/// The branch itself.
package struct BranchFields: Sendable {
    package var id: String
    package var databaseId: String
    package var name: String
    package var database: String
    package var project: String
    package var projectId: String
    /// The id of the database's main branch; nil for that branch itself.
    package var main: String?
    package let dot: StatusDot
    /// Why it stopped unexpectedly, or its progress while it recovers.
    package var reason: String?
    package let isRecovering: Bool
    package let isFailed: Bool
    package var hostname: String?
    package var hostPort: Int
    /// "Local process", "Docker container".
    package var runtime: String
    package var createdAt: Moment
    package var isMain: Bool
    /// The branch it was copied from: its id (for the link) and name.
    package var source: Choice?
    /// "15", or "15.8" while its server runs; nil if unknown.
    package var postgresVersion: String?
    /// "7.6 MB"; nil while it does not run.
    package var size: String?
    /// Changes with the password, without revealing it.
    package var passwordMark: String
    package var aliases: [AliasView]
    /// nil if it never expires.
    package var expiry: ExpiryView?

    package init(
        id: String,
        databaseId: String,
        name: String,
        database: String,
        project: String,
        projectId: String,
        main: String? = nil,
        status: String,
        statusText: String,
        reason: String?,
        hostname: String?,
        hostPort: Int,
        runtime: String,
        createdAt: Moment,
        isMain: Bool,
        source: Choice?,
        postgresVersion: String? = nil,
        size: String? = nil,
        passwordMark: String = "",
        aliases: [AliasView] = [],
        expiry: ExpiryView? = nil
    ) {
        self.id = id
        self.postgresVersion = postgresVersion
        self.size = size
        self.passwordMark = passwordMark
        self.aliases = aliases
        self.expiry = expiry
        isRecovering = status == "recovering"
        isFailed = status == "failed"
        self.projectId = projectId
        self.main = main
        self.databaseId = databaseId
        self.name = name
        self.database = database
        self.project = project
        self.dot = StatusDot(status: status, text: statusText)
        self.reason = reason
        self.hostname = hostname
        self.hostPort = hostPort
        self.runtime = runtime
        self.createdAt = createdAt
        self.isMain = isMain
        self.source = source
    }
}

/// How long the page offers to keep old hostnames.
package struct KeptHostnames: Sendable {
    package var seconds: Int
    /// "7 days".
    package var text: String

    package init(seconds: Int, text: String) {
        self.seconds = seconds
        self.text = text
    }
}

/// A former hostname that still works.
package struct AliasView: Sendable {
    package var hostname: String
    /// "2026-12-03 04:00 UTC".
    package var endsAt: Moment

    package init(hostname: String, endsAt: Moment) {
        self.hostname = hostname
        self.endsAt = endsAt
    }
}

/// The actions available for a branch.
package struct BranchActions: Sendable {
    package let start: Bool
    package let stop: Bool
    /// Whether deploy, reset, rename and create can start.
    package let change: Bool
    package let reset: Bool
    package let delete: Bool

    init(branch: BranchFields, isRunning: Bool, hasOthers: Bool) {
        let isStopped = ["stopped", "failed", "expired"].contains(branch.dot.status)
        let isActive = branch.dot.status == "active"
        start = isStopped && !isRunning
        stop = (isActive || branch.isRecovering) && !isRunning
        change = (isActive || isStopped) && !isRunning
        reset = change && hasOthers
        // A branch in an intermediate state after a crash can only be deleted.
        delete = !isRunning
    }
}

/// A running operation.
package struct RunningOperation: Sendable {
    package var id: String
    /// "Restart dev".
    package var title: String
    /// Its current step: "Waiting for the server to answer".
    package var progress: String?
    /// "14:03:12 UTC".
    package var startedAt: Moment
    /// "1.2 of 3.4 GB"; nil if unknown.
    package var copied: String?
    package var canCancel: Bool
    /// Whether a cancel was requested, but it has not ended yet.
    package var isCancelling: Bool

    package init(
        id: String,
        title: String,
        progress: String?,
        startedAt: Moment,
        copied: String? = nil,
        canCancel: Bool = false,
        isCancelling: Bool = false
    ) {
        self.startedAt = startedAt
        self.copied = copied
        self.canCancel = canCancel
        self.isCancelling = isCancelling
        self.id = id
        self.title = title
        self.progress = progress
    }
}
