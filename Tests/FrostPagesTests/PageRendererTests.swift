import Testing

@testable import FrostPages

@Suite("Pages")
struct PageRendererTests {
    let pages: PageRenderer

    init() throws {
        pages = try PageRenderer()
    }

    // MARK: Escaping

    /// The last two have marks that join the character before them, which hides it from who goes by characters.
    @Test(arguments: ["<script>alert(1)</script>", "\"><img src=x>", "' a='b", "a\"\u{301} x=\"", "<\u{301}script>"])
    func `A hostile name stays text`(name: String) throws {
        for html in pages(named: name) {
            #expect(!html.unicodeScalars.contains(name.unicodeScalars), "\(name) is in the page as it was given")
            try check(html)
            #expect(try tags(of: html).allSatisfy { !["img", "a='b"].contains($0.name) })
            #expect(try tags(of: html).filter { $0.name == "script" && !$0.isEnd }.count <= 1)
        }
    }

    @Test
    func `Mustache in a name is not rendered again`() {
        #expect(pages.branch(branchView(name: "{{shell.version}}")).contains("<h1>{{shell.version}}</h1>"))
    }

    @Test
    func `A snippet keeps its lines as they are`() {
        let html = pages.branch(branchView(snippet: "a <b>\n    \"c\"\n\nd"))
        #expect(html.contains(">a &lt;b&gt;\n    &quot;c&quot;\n\nd</code>"))
    }

    // MARK: States

    @Test(arguments: [
        (MissingConnection.gatewayDisabled, "/settings"), (.wildcardMissing, "/settings"), (.targetStopped, "/start"),
        (.targetBusy, "as soon as the server is ready"),
        (.targetFailed, "Start it to try again."),
    ])
    func `What is missing is said with the next step`(missing: MissingConnection, step: String) throws {
        let html = pages.branch(branchView(status: "stopped", missing: missing))
        let card = try #require(html.split(separator: "id=\"connect\"").last).split(separator: "</section>")[0]
        #expect(card.contains("data-reason=\"\(missing.reason)\""))
        #expect(card.contains(missing.sentence))
        #expect(card.contains(missing.nextStep))
        #expect(card.contains(step))
        #expect(!card.contains("id=\"snippet\""))
    }

    @Test(arguments: [false, true], [AuthorityDownload(href: "/ca.crt", fileName: "frost-ca.crt"), nil])
    func `The SSL switch says which mode is on, what it protects against, and where the CA is`(
        isVerifyFull: Bool,
        authority: AuthorityDownload?
    ) throws {
        let ssl = SSLSwitch(
            isVerifyFull: isVerifyFull,
            requireHref: "?ssl=require",
            verifyFullHref: "?ssl=verify-full",
            authority: authority
        )
        let html = pages.branch(branchView(ssl: ssl))
        try check(html)
        #expect(ssl.modes.filter(\.isCurrent).map(\.name) == [isVerifyFull ? "verify-full" : "require"])
        let links = try tags(of: html).filter { $0.attributes["data-ssl"] != nil }
        #expect(links.map { $0.attributes["href"] } == ["?ssl=require", "?ssl=verify-full"])
        #expect(links.map { $0.attributes["aria-current"] != nil } == [!isVerifyFull, isVerifyFull])
        #expect(html.contains(ssl.sentence))
        #expect(html.contains("Download frost-ca.crt") == (authority != nil))
        #expect(ssl.sentence.contains("own CA") == (isVerifyFull && authority != nil))
    }

    @Test(arguments: ["active", "stopped", "expired"], [false, true])
    func `When a branch expires is said, and can be changed; main never does`(status: String, isInHours: Bool) throws {
        let isExpired = status == "expired"
        let expiry = ExpiryView(
            value: 36,
            isInHours: isInHours,
            text: "36 of them",
            ends: Moment(iso: "2026-12-03T04:00:00Z", text: "on a day"),
            isExpired: isExpired
        )
        let html = pages.branch(branchView(status: status, expiry: expiry))
        try check(html)
        #expect(html.contains("This branch has expired.") == isExpired)
        #expect(html.contains("on a day</time> unless you start it.") == isExpired)
        #expect(html.contains(isExpired ? "on a day</time> unless started" : "on a day</time> if not used"))
        let all = try tags(of: html)
        let units = all.filter { $0.name == "option" && ["days", "hours"].contains($0.attributes["value"]) }
        let selected = units.filter { $0.attributes["selected"] != nil }.map { $0.attributes["value"] }
        #expect(selected == (isInHours ? ["hours"] : []), "the first of them is days")
        #expect(all.first { $0.attributes["id"] == "expiry-ttl" }?.attributes["value"] == "36")
        #expect(all.first { $0.attributes["id"] == "create-ttl" }?.attributes["value"] == nil)
        #expect(all.first { $0.attributes["id"] == "action-expiry" }.map { $0.attributes["disabled"] == nil } == true)
        #expect(all.contains { $0.attributes["id"] == "action-start" } == (status != "active"))

        let paused = ExpiryView(
            value: 7,
            isInHours: false,
            text: "7 days",
            ends: nil,
            pause: "Not now",
            isExpired: isExpired
        )
        let pausedPage = pages.branch(branchView(status: status, expiry: paused))
        try check(pausedPage)
        #expect(pausedPage.contains("<dd id=\"expires\">Not now</dd>"))
        let never = try tags(of: pages.branch(branchView(status: status == "expired" ? "stopped" : status)))
        #expect(never.first { $0.attributes["id"] == "expiry-ttl" }?.attributes["value"] == "")
        let main = pages.branch(branchView(isMain: true))
        #expect(!main.contains("expiry-dialog") && !main.contains("id=\"expires\"") && main.contains("create-ttl"))
    }

    @Test
    func `What frost did by itself is said`() {
        let row = OperationRow(
            id: "op_1",
            action: "Expire",
            target: "dev",
            targetHref: nil,
            status: "succeeded",
            statusText: "Succeeded",
            message: nil,
            isByFrost: true,
            startedAt: Moment(iso: "", text: ""),
            duration: nil
        )
        #expect(pages.branch(branchView(operations: [row])).contains("by frost"))
    }

    @Test
    func `What is not encrypted has no SSL switch`() throws {
        #expect(try tags(of: pages.branch(branchView())).allSatisfy { $0.attributes["data-ssl"] == nil })
    }

    @Test
    func `A branch shows its status, its reason and what is under way`() {
        let running = RunningOperation(
            id: "op_1",
            title: "Restart dev",
            progress: "Copying",
            startedAt: Moment(iso: "2026-11-23T00:00:00Z", text: "00:00:00 UTC")
        )
        let html = pages.branch(branchView(status: "deploying", reason: "No space left", running: running))
        #expect(html.contains("data-status=\"deploying\""))
        #expect(html.contains("No space left"))
        #expect(html.contains("Restart dev"))
        #expect(html.contains("datetime=\"2026-11-23T00:00:00Z\" data-elapsed"))
        #expect(html.contains("Copying"))
    }

    @Test(arguments: [("active", "action-stop", "action-start"), ("stopped", "action-start", "action-stop")])
    func `Start and stop are offered when they make sense`(status: String, offered: String, hidden: String) {
        let html = pages.branch(branchView(status: status))
        #expect(html.contains("id=\"\(offered)\""))
        #expect(!html.contains("id=\"\(hidden)\""))
    }

    @Test(arguments: [false, true])
    func `The crumbs lead to the project and to the main branch`(isMain: Bool) throws {
        let html = pages.branch(branchView(isMain: isMain))
        try check(html)
        let links = try tags(of: html).compactMap { $0.attributes["href"] }
        #expect(links.contains("/#project-prj_1"))
        #expect(links.contains("/branches/dbt_0") == !isMain)
    }

    @Test(arguments: [("failed", "has failed"), ("recovering", "is recovering"), ("deleting", "is not running")])
    func `The reason stands below the word of the status`(status: String, words: String) {
        let html = pages.branch(branchView(status: status, reason: "No space left"))
        #expect(html.contains("<strong>This branch \(words).</strong> <span data-text>No space left</span>"))
    }

    @Test
    func `The log is shown on request, escaped, with where it is kept`() throws {
        #expect(!pages.branch(branchView()).contains("log-text"))
        let html = pages.branch(branchView(log: "<script>alert(1)</script> & more"))
        try check(html)
        #expect(html.contains(">&lt;script&gt;alert(1)&lt;/script&gt; &amp; more</pre>"))
        #expect(pages.branch(branchView(log: "")).contains("The server has written nothing yet."))
    }

    @Test(arguments: [(0, nil), (1, nil), (20, nil), (23, "and 3 more")])
    func `Sessions are listed, the first twenty`(count: Int, more: String?) throws {
        let html = pages.branch(branchView(sessions: count))
        try check(html)
        #expect(html.ranges(of: "<td>4 s</td>").count == min(count, 20))
        #expect(html.contains("id=\"more-sessions\"") == (more != nil))
        if let more { #expect(html.contains(more)) }
        #expect(html.contains("not yet known") == (count > 0))
    }

    @Test
    func `Main cannot be renamed, reset or deleted`() {
        let html = pages.branch(branchView(isMain: true))
        for word in ["rename", "reset", "delete"] {
            #expect(!html.contains("\(word)-dialog"))
            #expect(!html.contains("action-\(word)"))
        }
        #expect(html.contains("cannot be renamed, reset or deleted"))
    }

    @Test
    func `What is nil in a row is not taken from around it`() {
        // Mustache looks further out for what it does not find: the shown note would be that of another thing.
        let row = OperationRow(
            id: "op_1",
            action: "Stop",
            target: "dev",
            targetHref: nil,
            status: "succeeded",
            statusText: "Succeeded",
            message: nil,
            startedAt: Moment(iso: "2026-11-23T00:00:00Z", text: "now"),
            duration: nil
        )
        let html = pages.branch(branchView(reason: "outer", operations: [row]))
        #expect(!html.contains("operation-message"))
    }

    @Test
    func `The overview says how to begin`() {
        let html = pages.home(homeView(Shell(projects: [], version: "1", assetVersion: "1")))
        #expect(html.contains("Create your first database"))
        #expect(html.contains("No projects yet"))
    }

    @Test
    func `The gateway says what it lacks`() {
        #expect(GatewaySummary(isEnabled: true, port: 5432, wildcardBase: "example.net").missing == nil)
        for (isEnabled, text) in [(false, "Off"), (true, "Needs a domain")] {
            let summary = GatewaySummary(isEnabled: isEnabled, port: 5432, wildcardBase: nil)
            #expect(summary.dot.text == text)
            #expect(pages.home(homeView(gateway: summary)).contains(summary.missing ?? "?"))
        }
    }

    @Test
    func `What is wrong with the gateway is said once, with the next step`() {
        let fault = "The gateway cannot run on port 1."
        let failed = GatewayNotice(
            code: "failed",
            word: "Fault",
            sentence: fault,
            nextStep: "Start it",
            command: "frost up"
        )
        let summary = GatewaySummary(
            isEnabled: true,
            port: 5432,
            wildcardBase: "example.net",
            fault: fault,
            notice: failed
        )
        let html = pages.home(homeView(gateway: summary))
        #expect(html.ranges(of: fault).count == 1 && html.contains("frost up"))
        let gone = GatewaySummary(isEnabled: true, port: 5432, wildcardBase: nil, notice: notice(named: "It is gone."))
        #expect(gone.dot.text == "Not running" && gone.dot.tone == "bad" && gone.missing != nil)
        let off = GatewaySummary(isEnabled: false, port: 5432, wildcardBase: "example.net", notice: failed)
        #expect(off.notice == nil && off.dot.text == "Off", "one that is off has no trouble")
        let many = CertificatesView(rows: [], uncovered: (10...59).map { "\($0).example" }, of: 50, wanted: [])
        #expect(many.uncovered.count == 20 && many.more == "and 30 more")
    }

    @Test
    func `A runtime that is not there cannot be chosen, and says why`() {
        var home = homeView()
        home.runtimes.append(Choice(value: "docker", title: "Docker container: no engine", isDisabled: true))
        #expect(
            pages.home(home).contains(#"<option value="docker" disabled>Docker container: no engine</option>"#)
        )
    }

    @Test
    func `Faults are shown`() {
        #expect(pages.login(LoginView(assetVersion: "1", fault: "Wrong token")).contains("Wrong token"))
        let fault = "The gateway cannot run on port 1."
        let settings = SettingsView(
            shell: shell(named: "x"),
            wildcardBase: "example.net",
            gatewayEnabled: true,
            gatewayPort: 5432,
            gateway: GatewaySummary(isEnabled: true, port: 5432, wildcardBase: "example.net", fault: fault),
            keeps: KeptHostnames(seconds: 604_800, text: "7 days")
        )
        #expect(pages.settings(settings).contains(fault))
        #expect(pages.home(homeView(gateway: settings.gateway)).contains(fault))
        #expect(settings.gateway.dot.tone == "bad")
        let off = GatewaySummary(isEnabled: false, port: 5432, wildcardBase: "example.net", fault: fault)
        #expect(off.fault == nil, "one that is off has none")
    }

    @Test(arguments: [(true, false), (false, true), (false, false)])
    func `A copy says how much is done, beside what is read out, and can be cancelled`(can: Bool, isCancelling: Bool)
        throws
    {
        let running = RunningOperation(
            id: "op_1",
            title: "Create dev",
            progress: "Copying data",
            startedAt: Moment(iso: "2026-11-23T00:00:00Z", text: "00:00:00 UTC"),
            copied: "1.2 of 3.4 GB",
            canCancel: can,
            isCancelling: isCancelling
        )
        let html = pages.branch(branchView(status: "creating", running: running))
        try check(html)
        let spoken = try #require(html.split(separator: "role=\"status\"").dropFirst().first)
            .split(separator: "id=\"progress-more\"")
        #expect(!spoken[0].contains("1.2 of 3.4 GB"), "it changes every second")
        #expect(spoken[1].contains("Copied 1.2 of 3.4 GB"))
        #expect(html.contains("data-path=\"/api/operations/op_1/cancel\"") == can)
        #expect(html.contains("Cancelling") == isCancelling)
    }

    @Test
    func `The overview's operations say how much is done, and can be cancelled`() throws {
        var home = homeView()
        let row = OperationRow(
            id: "op_1",
            action: "Create",
            target: "shop / dev",
            targetHref: "/branches/dbt_1",
            status: "running",
            statusText: "Running",
            message: nil,
            startedAt: Moment(iso: "2026-11-23T00:00:00Z", text: "now"),
            duration: nil,
            copied: "1.2 of 3.4 GB",
            canCancel: true
        )
        home = HomeView(
            shell: home.shell,
            operations: [row],
            sessionsSummary: home.sessionsSummary,
            gateway: home.gateway,
            runtimes: home.runtimes
        )
        let html = pages.home(home)
        try check(html)
        #expect(html.contains("Copied 1.2 of 3.4 GB") && html.contains("/api/operations/op_1/cancel"))
        #expect(StatusDot(status: "cancelled", text: "Cancelled").tone == "off")
    }

    // MARK: Markup

    @Test
    func `Every page is well formed and labelled`() throws {
        for html in pages(named: "dev") {
            try check(html)
        }
    }

    @Test
    func `Nothing needs more than the content security policy allows`() throws {
        for html in pages(named: "dev") {
            for tag in try tags(of: html) {
                #expect(tag.name != "style")
                #expect(tag.attributes["style"] == nil)
                #expect(!tag.attributes.keys.contains { $0.hasPrefix("on") })
                #expect(tag.name != "script" || tag.isEnd || tag.attributes["src"]?.hasPrefix("/assets/") == true)
                #expect(tag.attributes["src"].map { $0.hasPrefix("/") } ?? true)
            }
        }
        let script = String(decoding: PageRenderer.js, as: UTF8.self)
        #expect(!script.contains("innerHTML"))
        #expect(!script.contains("eval("))
        #expect(!String(decoding: PageRenderer.css, as: UTF8.self).contains("url("))
    }
}
