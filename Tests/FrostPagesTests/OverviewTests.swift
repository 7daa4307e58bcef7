import Testing

@testable import FrostPages

/// The tables of the overview.
@Suite struct OverviewTests {
    private let pages: PageRenderer

    init() throws {
        pages = try PageRenderer()
    }

    @Test("Two hundred branches are rendered, each with its hostname, its source and what can be done with it")
    func many() throws {
        let rows = (0..<200).map { number in
            Self.row(
                "b\(number)",
                id: "dbt_\(number)",
                status: number % 2 == 0 ? "active" : "stopped",
                source: number > 0 ? Choice(value: "dbt_0", title: "b0") : nil
            )
        }
        let html = pages.home(Self.view([Self.project("shop", rows)]))
        try check(html)
        let all = try tags(of: html)
        #expect(
            all.filter { $0.attributes["data-branch"] != nil }.map { $0.attributes["data-name"] } == rows.map(\.name)
        )
        #expect(all.filter { $0.attributes["data-copy-host"] != nil }.count == 200)
        #expect(all.filter { $0.attributes["id"]?.hasPrefix("start-dbt") == true }.count == 100)
        #expect(all.filter { $0.attributes["id"]?.hasPrefix("stop-dbt") == true }.count == 100)
        #expect(
            all.filter { $0.attributes["href"] == "/branches/dbt_0" && $0.attributes["id"] != "branch-dbt_0" }.count
                == 199
        )
        #expect(all.contains { $0.attributes["data-open"] == "new-branch-dialog" })
    }

    @Test("What a row lacks is not taken from around it")
    func nothingFromAround() throws {
        let html = pages.home(Self.view([Self.project("shop", [Self.row("main", hostname: nil)])]))
        #expect(html.contains("None yet") && html.contains("Nothing</span>"))
        #expect(try tags(of: html).allSatisfy { $0.attributes["data-copy-host"] == nil })
        #expect(!html.contains("No certificate"))
    }

    @Test("What needs attention stands above all: failed branches, hostnames without a certificate, the gateway")
    func attention() throws {
        #expect(AttentionView([Self.project("shop", [Self.row("main")])], gateway: nil) == nil)
        let failed = (0..<7).map { Self.row("b\($0)", id: "dbt_\($0)", status: "failed") }
        let project = Self.project("shop", failed)
        let six = try #require(AttentionView([Self.project("shop", Array(failed.prefix(6)))], gateway: nil))
        #expect(six.title == "6 things need attention" && six.more == "and 1 more failed branch")
        let expired = (0..<6).map { Self.row("e\($0)", id: "dbt_e\($0)", status: "expired") }
        let gone = try #require(AttentionView([Self.project("shop", expired)], gateway: nil))
        #expect(gone.more == "and 1 more expired branch" && gone.rows[0].reason == "no space left")
        let both = try #require(AttentionView([Self.project("shop", expired + failed)], gateway: nil))
        #expect(both.more == "and 8 more branches" && both.rows.allSatisfy { $0.dot.status == "failed" })
        let one = try #require(AttentionView([], gateway: GatewayMark(uncovered: 2)))
        #expect(
            one.title == "1 thing needs attention" && one.rows.map(\.dot.text) == ["2 hostnames without a certificate"]
        )
        let html = pages.home(Self.view([project], gateway: GatewayMark(uncovered: 1)))
        try check(html)
        let card = try #require(html.split(separator: "id=\"attention\"").last?.split(separator: "</section>").first)
        for text in [
            "8 things need attention", "1 hostname without a certificate", "/settings#certificates", "shop / b0",
            "/branches/dbt_4", "no space left", "and 2 more failed branches",
        ] {
            #expect(card.contains(text), "\(text)")
        }
        #expect(!card.contains("dbt_5"))
    }

    @Test("A project that has databases cannot be deleted, and says so beforehand", arguments: [false, true])
    func deletion(hasDatabases: Bool) throws {
        var project = Self.project("shop", [Self.row("main")])
        if !hasDatabases {
            project = OverviewProject(id: project.id, name: project.name, databases: [], zone: nil)
        }
        let html = pages.home(Self.view([project]))
        let button = try #require(try tags(of: html).first { $0.attributes["id"] == "delete-project-proj_shop" })
        #expect((button.attributes["disabled"] != nil) == hasDatabases)
        #expect(html.contains("To delete the project, delete its databases first.") == hasDatabases)
    }

    @Test("The login says why, and where it leads")
    func login() throws {
        let html = pages.login(
            LoginView(assetVersion: "1", action: "/login?next=%2Fa&b", notice: "The token was changed.")
        )
        try check(html)
        #expect(html.contains("action=\"/login?next=%2Fa&amp;b\"") && html.contains("The token was changed."))
        #expect(!pages.login(LoginView(assetVersion: "1")).contains("login-notice"))
    }

    @Test("The script has the letters of hostnames")
    func letters() {
        let script = String(decoding: PageRenderer.js, as: UTF8.self)
        for letter in [#""ß":"ss""#, #""щ":"shch""#, #""ъ":"""#, #""ω":"o""#] { #expect(script.contains(letter)) }
    }

    // MARK: Examples

    /// The overview with this name wherever there is one.
    static func page(_ pages: PageRenderer, named name: String) -> String {
        let source = Choice(value: "dbt_1", title: name)
        var failed = row(name, status: "failed", hostname: name, source: source, reason: name)
        failed.isUncovered = true
        return pages.home(view([project(name, id: "x", [failed])]))
    }

    private static func row(
        _ name: String,
        id: String = "dbt_1",
        status: String = "active",
        hostname: String? = "dev.pg.shop.example.net",
        source: Choice? = nil,
        reason: String = "no space left"
    ) -> BranchRow {
        BranchRow(
            id: id,
            name: name,
            databaseId: "db_1",
            status: status,
            statusText: status,
            reason: reason,
            hostname: hostname,
            source: source,
            sessions: 2,
            size: status == "active" ? "7.6 MB" : nil,
            createdAt: Moment(iso: "2026-11-23T00:00:00Z", text: "an hour ago")
        )
    }

    private static func project(_ name: String, id: String = "shop", _ rows: [BranchRow]) -> OverviewProject {
        let database = OverviewDatabase(id: "db_1", name: name, branches: rows, zone: "pg.\(name).example.net")
        return OverviewProject(id: "proj_\(id)", name: name, databases: [database], zone: "pg.\(name).example.net")
    }

    private static func view(_ projects: [OverviewProject], gateway: GatewayMark? = nil) -> HomeView {
        HomeView(
            shell: Shell(
                projects: [ProjectNode(id: "proj_1", name: "shop", databases: [])],
                gateway: gateway,
                version: "1.0",
                assetVersion: "1"
            ),
            projects: projects,
            operations: [],
            sessionsSummary: "No sessions",
            gateway: GatewaySummary(isEnabled: true, port: 5432, wildcardBase: "example.net"),
            runtimes: [Choice(value: "local", title: "Local process", isSelected: true)]
        )
    }
}
