import BranchManager
import Foundation
import FrostPages

/// The content of pages, read from the store.
struct PageContent: Sendable {
    let state: ServerState

    /// The number of operations on a page.
    private static let operations = 12
    static let mask = "••••••••"

    /// Version of the style sheet and the script, so that browsers can cache them.
    static let assetVersion = String(
        (PageRenderer.css + PageRenderer.js).reduce(UInt64(5_381)) { $0 &* 33 &+ UInt64($1) },
        radix: 36
    )

    // MARK: Every page

    /// - Parameter gateway: nil on a page that must not wait.
    func shell(current: String? = nil, gateway: GatewayCondition?) throws -> Shell {
        let counts = gateway?.sessions
        let branches = try state.store.branches()
        let databases = try state.store.databases()
        let projects = try state.store.projects().map { project in
            ProjectNode(
                id: project.id,
                name: project.name,
                databases: databases.filter { $0.projectId == project.id }.map { database in
                    DatabaseNode(
                        id: database.id,
                        name: database.name,
                        branches: branches.filter { $0.database.id == database.id }.map { branch in
                            BranchNode(
                                id: branch.target.id,
                                name: branch.target.name,
                                status: Self.status(branch.target),
                                statusText: Self.statusText(branch.target),
                                isCurrent: branch.target.id == current,
                                hostname: branch.target.hostname,
                                sessions: counts?[branch.target.id]
                            )
                        }
                    )
                }
            )
        }
        return Shell(
            projects: projects,
            gateway: gateway.flatMap { Self.mark($0, branches.compactMap(\.target.hostname)) },
            version: state.version,
            assetVersion: Self.assetVersion
        )
    }

    static func status(_ target: BranchTarget) -> String {
        target.hasFailed ? "failed" : target.lifecycleStatus.rawValue
    }

    static func statusText(_ target: BranchTarget) -> String {
        if target.hasFailed { return "Failed" }
        return target.lifecycleStatus == .deploying ? "Restarting" : target.lifecycleStatus.rawValue.capitalized
    }

    static func moment(_ date: Date, now: Date = .now) -> Moment {
        let age = Int(now.timeIntervalSince(date))
        let text =
            switch age {
            case ..<5: "just now"
            case ..<60: "\(age) seconds ago"
            case ..<120: "a minute ago"
            case ..<3_600: "\(age / 60) minutes ago"
            case ..<7_200: "an hour ago"
            case ..<86_400: "\(age / 3_600) hours ago"
            default: date.formatted(.iso8601.year().month().day().dateSeparator(.dash))
            }
        return Moment(iso: date.formatted(.iso8601), text: text)
    }

    private static func clock(_ date: Date) -> Moment {
        let time = date.formatted(.iso8601.time(includingFractionalSeconds: false).timeSeparator(.colon))
        return Moment(iso: date.formatted(.iso8601), text: "\(time) UTC")
    }

    private static let keeps = KeptHostnames(seconds: AliasDuration.usual.seconds, text: AliasDuration.usual.text)

    /// A future time, to the minute.
    static func end(_ date: Date) -> Moment {
        let text = date.formatted(
            .iso8601.year().month().day().dateSeparator(.dash).dateTimeSeparator(.space).time(
                includingFractionalSeconds: false
            )
        )
        return Moment(iso: date.formatted(.iso8601), text: "\(text.dropLast(3)) UTC")
    }

    /// An operation's name on the page; the API keeps Frost's term `deploy`.
    private static func name(of action: BranchAction) -> String {
        action == .deploy ? "Restart" : action.rawValue.capitalized
    }

    /// - Parameter said: texts already on the page; a message that contains them is not shown again.
    private func rows(_ operations: [BranchOperation], inDatabase: Bool, said: String? = nil) throws -> [OperationRow] {
        let branches = Dictionary(uniqueKeysWithValues: try state.store.branches().map { ($0.target.id, $0) })
        return operations.map { operation in
            let branch = branches[operation.targetId]
            let name = branch.map { inDatabase ? $0.target.name : "\($0.database.name) / \($0.target.name)" }
            return OperationRow(
                id: operation.id,
                action: Self.name(of: operation.action),
                target: name ?? operation.targetName ?? "a deleted branch",
                targetHref: branch.map { "/branches/\($0.target.id)" },
                status: operation.status.rawValue,
                statusText: operation.status.rawValue.capitalized,
                message: operation.message,
                isSaidAbove: said.map { operation.message?.contains($0) == true } == true,
                isByFrost: operation.actor == .frost,
                startedAt: Self.moment(operation.startedAt),
                duration: operation.finishedAt.map { Self.duration(operation.startedAt, $0) },
                copied: operation.status == .running ? operation.progress?.text : nil,
                // A branch's own page shows it beside the running operation.
                canCancel: !inDatabase && operation.canBeCancelled
            )
        }
    }

    private static func duration(_ start: Date, _ end: Date) -> String {
        let seconds = end.timeIntervalSince(start)
        return seconds < 10 ? "\((seconds * 10).rounded() / 10) s" : "\(Int(seconds)) s"
    }

    // MARK: Pages

    func home() async throws -> HomeView {
        let gateway = try await state.gateway.condition()
        let counts = gateway.sessions
        let settings = try ServerSettings(state.store)
        let total = counts?.values.reduce(0, +) ?? 0
        let busy = counts?.values.count { $0 > 0 } ?? 0
        let sessionsSummary =
            if !settings.gatewayEnabled {
                "None: the gateway is off"
            } else if counts == nil {
                "Unknown"
            } else if total == 0 {
                "No sessions"
            } else {
                "\(BranchView.sessionsText(total)) on \(busy == 1 ? "1 branch" : "\(busy) branches")"
            }
        return HomeView(
            shell: try shell(gateway: gateway),
            projects: try await overview(gateway, settings),
            operations: try rows(state.store.operations(limit: Self.operations), inDatabase: false),
            sessionsSummary: sessionsSummary,
            gateway: summary(settings, try GatewayReport(gateway, state.store)),
            runtimes: await runtimes(),
            versions: state.manager.versions(of: .local).map { Choice(value: String($0), title: String($0)) }
        )
    }

    /// Runtimes of a new database; unavailable ones include the reason.
    private func runtimes() async -> [Choice] {
        var choices: [Choice] = []
        for kind in RuntimeKind.allCases {
            let title = kind == .docker ? "Docker container" : "Process on this host"
            let fault = await state.manager.unavailability(of: kind)
            choices.append(
                Choice(
                    value: kind.rawValue,
                    title: fault.map { "\(title): \($0)" } ?? title,
                    isSelected: fault == nil && !choices.contains(where: \.isSelected),
                    isDisabled: fault != nil
                )
            )
        }
        return choices
    }

    func settings() async throws -> SettingsView {
        let gateway = try await state.gateway.condition()
        let settings = try ServerSettings(state.store)
        let report = try GatewayReport(gateway, state.store)
        return SettingsView(
            shell: try shell(gateway: gateway),
            wildcardBase: settings.wildcardBase,
            gatewayEnabled: settings.gatewayEnabled,
            gatewayPort: settings.gatewayPort,
            gateway: summary(settings, report),
            certificates: gateway.answer == nil ? nil : certificates(report),
            keeps: Self.keeps
        )
    }

    func problem(_ status: Int, _ title: String, _ sentence: String) async throws -> ProblemView {
        ProblemView(shell: try shell(gateway: nil), status: status, title: title, sentence: sentence)
    }

    /// - Parameter query: `via`, `tab`, `ssl`, `reveal` and `log`; unknown values mean the first of their kind.
    func branch(_ id: String, query: [String: String]) async throws -> BranchView {
        let branch = try state.store.branch(id: id)
        let gateway = try await state.gateway.condition()
        let settings = try ServerSettings(state.store)
        let runtime = TargetRuntime(branch, settings: settings, gateway: gateway, image: state.image)
        let all = try state.store.operations(of: id, limit: Self.operations)
        let siblings = try state.store.branches(of: branch.database.id)
        let isSettled = branch.target.lifecycleStatus.isSettled
        let facts = await state.facts.facts(of: branch)
        return BranchView(
            shell: try shell(current: id, gateway: gateway),
            branch: BranchFields(
                id: id,
                databaseId: branch.database.id,
                name: branch.target.name,
                database: branch.database.name,
                project: branch.project.name,
                projectId: branch.project.id,
                main: branch.target.isMain ? nil : siblings.first { $0.target.isMain }?.target.id,
                status: Self.status(branch.target),
                statusText: Self.statusText(branch.target),
                reason: branch.target.reason,
                hostname: branch.target.hostname,
                hostPort: branch.target.hostPort,
                runtime: branch.target.runtime == .docker ? "Docker container" : "Process on this host",
                createdAt: Self.moment(branch.target.createdAt),
                isMain: branch.target.isMain,
                source: siblings.first { $0.target.id == branch.target.sourceTargetId }.map {
                    Choice(value: $0.target.id, title: $0.target.name)
                },
                postgresVersion: facts?.version ?? branch.target.postgresVersion.map(String.init),
                size: facts.map { ByteCount.text($0.size) },
                passwordMark: Self.mark(of: branch),
                aliases: branch.aliases.map { AliasView(hostname: $0.hostname, endsAt: Self.end($0.endsAt)) },
                expiry: Self.expiry(of: branch)
            ),
            connections: connections(runtime, gateway, query: query),
            sessions: gateway.sessions.map { $0[id] ?? 0 },
            openSessions: Self.sessions(gateway, of: id),
            log: await log(of: branch, showing: query["log"] == "1", at: Self.place(of: id, query)),
            others: siblings.filter { $0.target.id != id }.map {
                Choice(
                    value: $0.target.id,
                    title: $0.target.name,
                    isSelected: $0.target.id == branch.target.sourceTargetId
                )
            },
            operations: try rows(all, inDatabase: true, said: branch.target.reason),
            running: all.first { $0.status == .running }.map { operation in
                RunningOperation(
                    id: operation.id,
                    title: "\(Self.name(of: operation.action)) \(branch.target.name)",
                    // During the copy of a reset, the branch keeps serving.
                    progress: isSettled && operation.action != .reset
                        ? nil : operation.step.flatMap(OperationStep.init(rawValue:)).map(Self.progress),
                    startedAt: Self.clock(operation.startedAt),
                    copied: operation.progress?.text,
                    canCancel: operation.canBeCancelled,
                    isCancelling: operation.isCancelled
                )
            },
            keeps: Self.keeps
        )
    }

    /// A mark that changes with the password, so that a page that shows the password fetches the new one.
    private static func mark(of branch: BranchDetails) -> String {
        String(Secret.hash("\(branch.database.id) \(branch.database.password)").prefix(passwordMarkLength))
    }

    /// In hexadecimal digits.
    private static let passwordMarkLength = 12

    /// The stage after a step, for users.
    private static func progress(after step: OperationStep) -> String {
        switch step {
        case .registered: "Getting ready"
        case .copying: "Copying data"
        case .copied: "The copy is complete"
        case .unrouted: "Closing connections"
        case .stopped: "The server has stopped"
        case .adopted: "Starting the server"
        case .started: "The server is ready"
        case .removed: "The data is removed"
        case .finished: "Almost done"
        }
    }
}
