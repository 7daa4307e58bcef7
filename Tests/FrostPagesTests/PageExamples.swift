import Testing

@testable import FrostPages

/// Pages for ``PageRendererTests``, with a name wherever there is one.
extension PageRendererTests {
    func shell(named name: String) -> Shell {
        let branch = BranchNode(
            id: "dbt_1",
            name: name,
            status: "active",
            statusText: "Active",
            isCurrent: true,
            sessions: 2
        )
        let database = DatabaseNode(id: "db_1", name: name, branches: [branch])
        return Shell(
            projects: [ProjectNode(id: "proj_1", name: name, databases: [database])],
            version: "1.0",
            assetVersion: "1"
        )
    }

    func homeView(
        _ shell: Shell? = nil,
        gateway: GatewaySummary = GatewaySummary(isEnabled: true, port: 5432, wildcardBase: "example.net")
    ) -> HomeView {
        HomeView(
            shell: shell ?? self.shell(named: "dev"),
            operations: [],
            sessionsSummary: "No sessions",
            gateway: gateway,
            runtimes: [Choice(value: "local", title: "Local process", isSelected: true)]
        )
    }

    func branchView(
        name: String = "dev",
        status: String = "active",
        reason: String? = nil,
        isMain: Bool = false,
        missing: MissingConnection? = nil,
        ssl: SSLSwitch? = nil,
        snippet: String = "postgresql://",
        operations: [OperationRow] = [],
        running: RunningOperation? = nil,
        sessions: Int = 1,
        log: String? = nil,
        expiry: ExpiryView? = nil
    ) -> BranchView {
        let shown = SnippetView(
            kind: "url",
            title: "URL",
            language: "URL",
            text: snippet,
            note: nil,
            href: "?tab=url",
            isCurrent: true
        )
        let connection = ConnectionView(
            kind: .external,
            href: "?via=external",
            isCurrent: true,
            ssl: ssl,
            fields: [ConnectionField(name: "host", label: "Host", value: name)],
            snippets: [shown],
            missing: missing,
            notice: missing == nil ? notice(named: name) : nil,
            isRevealed: false,
            revealHref: "?reveal=1",
            hideHref: "?"
        )
        let branch = BranchFields(
            id: "dbt_1",
            databaseId: "db_1",
            name: name,
            database: name,
            project: name,
            projectId: "prj_1",
            main: isMain ? nil : "dbt_0",
            status: status,
            statusText: status,
            reason: reason,
            hostname: name,
            hostPort: 10001,
            runtime: "Local process",
            createdAt: Moment(iso: "2026-11-23T00:00:00Z", text: "today"),
            isMain: isMain,
            source: nil,
            aliases: [AliasView(hostname: name, endsAt: Moment(iso: name, text: name))],
            expiry: expiry
        )
        return BranchView(
            shell: shell(named: name),
            branch: branch,
            connections: [connection],
            sessions: sessions,
            openSessions: (0..<min(sessions, 20)).map {
                SessionRow(client: name, backendProcess: $0 == 0 ? nil : "42", age: "4 s")
            },
            log: ServerLogView(href: "?log=1", home: log, text: log, fault: nil),
            others: [Choice(value: "dbt_2", title: name)],
            operations: operations,
            running: running,
            keeps: KeptHostnames(seconds: 604_800, text: "7 days")
        )
    }

    func settings(_ shell: Shell, named name: String, certificates: CertificatesView?) -> SettingsView {
        SettingsView(
            shell: shell,
            wildcardBase: name,
            gatewayEnabled: true,
            gatewayPort: 5432,
            gateway: GatewaySummary(
                isEnabled: true,
                port: 5432,
                wildcardBase: name,
                fault: name,
                notice: notice(named: name)
            ),
            certificates: certificates,
            keeps: KeptHostnames(seconds: 604_800, text: name)
        )
    }

    func notice(named name: String) -> GatewayNotice {
        GatewayNotice(
            code: "unreachable",
            word: "Not running",
            sentence: name,
            nextStep: "Start it",
            command: name,
            since: Moment(iso: "2026-11-23T00:00:00Z", text: "a minute ago")
        )
    }

    /// Every page once, with this name wherever there is one.
    func pages(named name: String) -> [String] {
        let shell = shell(named: name)
        return [
            pages.login(LoginView(assetVersion: "1", fault: name)),
            pages.home(homeView(shell)),
            OverviewTests.page(pages, named: name),
            pages.branch(branchView(name: name, reason: name, snippet: name)),
            pages.branch(branchView(name: name, status: "stopped", missing: .targetStopped)),
            pages.settings(settings(shell, named: name, certificates: nil)),
            pages.settings(
                settings(
                    shell,
                    named: name,
                    certificates: CertificatesView(
                        rows: [
                            CertificateRow(
                                path: "/etc/tls/\(name)",
                                names: [name, ""],
                                validUntil: Moment(iso: name, text: name),
                                validity: StatusDot(status: "failed", text: "Expired"),
                                covers: [name]
                            )
                        ],
                        uncovered: [name],
                        of: 1,
                        wanted: [name]
                    )
                )
            ),
            pages.problem(ProblemView(shell: shell, status: 404, title: name, sentence: name)),
        ]
    }
}
