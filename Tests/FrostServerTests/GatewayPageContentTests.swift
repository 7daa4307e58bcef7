import BranchManager
import Foundation
import FrostPages
import GatewayContract
import GatewayCore
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@testable import FrostServer

/// The gateway's page over HTTP, with a stand-in for the gateway.
@Suite struct GatewayPageContentTests {
    @Test("Each reason for a refusal has a title, and nothing else is taken for a refusal")
    func reasons() {
        #expect(Set(RefusalText.titles.keys) == Set(RefusalReason.allCases.map(\.rawValue)))
        for outcome in ConnectionOutcome.allCases {
            if case .refused = outcome { continue }
            #expect(RefusalText.titles[outcome.label] == nil, "\(outcome.label)")
        }
        #expect(RefusalText.title("some_new_reason") == "some new reason")
    }

    private static func metrics(_ target: String, connections: Int, refused: Int) -> String {
        """
        postgres_gateway_startups_active 0
        postgres_gateway_connections_active{target="\(target)"} 2
        postgres_gateway_sessions_total{target="\(target)"} \(connections)
        postgres_gateway_bytes_total{direction="in",target="\(target)"} \(connections * 1_000)
        postgres_gateway_connections_total{outcome="unknown_hostname"} \(refused)
        not a line
        """
    }

    @Test("Charts, branches, refusals, limits and certificates; for one branch as well; without any address")
    func page() async throws {
        let standIn = try AdminStandIn(.closing)
        defer { standIn.stop() }
        try await APIHost.run(gateway: standIn.place) { host in
            let shop = try await host.makeShop()
            let counts = Mutex((connections: 10, refused: 4))
            let document = AdminStandIn.document(
                [.init(["*.pg.shop.example.net"])],
                sessions: [shop.dev: 2],
                limits: [
                    .init(variable: .maxConnectionsPerAddress, of: "192.0.2.77", used: 10, maximum: 10),
                    .init(variable: .maxConnections, of: nil, used: 95, maximum: 100),
                ],
                refusals: [
                    .init(
                        reason: "branch_stopped",
                        target: shop.main,
                        hostname: "main.pg.shop.example.net",
                        count: 3,
                        ageSeconds: 70,
                        hint: "Start <the> branch."
                    ),
                    .init(
                        reason: "unknown_hostname",
                        target: nil,
                        hostname: nil,
                        count: 9,
                        ageSeconds: 3_700,
                        hint: "Check the spelling."
                    ),
                ]
            )
            standIn.become(
                .measured(document: document) {
                    let (connections, refused) = counts.withLock { $0 }
                    return Self.metrics(shop.dev, connections: connections, refused: refused)
                }
            )
            // The recorder's own looks come when the clock has them; these are of ticks behind them.
            let recorder = GatewayRecorder(standIn.place, store: host.manager.store)
            await recorder.look(at: 1_000)
            counts.withLock { $0 = (13, 5) }
            await recorder.look(at: 1_001)
            let history = await recorder.history
            #expect(history.total(of: shop.dev).connections == 3)
            #expect(history.total(of: nil).bytesIn == 3_000)
            #expect(history.outcomes == ["unknown_hostname": 1])
            let charts = GatewayCharts(history: history, branch: nil).all
            #expect(charts.count == 6)
            #expect(charts[1].summary == "3 in the last hour, at most 3 in a minute.")
            #expect(charts[2].summary == "Unknown hostname: 1.")
            #expect(charts[3].summary.hasPrefix("From clients: now 300 B/s, at most 300 B/s."))
            #expect(GatewayCharts(history: history, branch: shop.dev).all.map(\.id).contains("chart-errors"))

            let gateway = try await host.expect(200, .GET, "/api/gateway")
            #expect(gateway["refusals"].list.map { $0["reason"].text } == ["branch_stopped", "unknown_hostname"])
            #expect(gateway["limits"].list.map { $0["branch"].text } == [nil, nil], "an address is no branch")

            let browser = try await Browser(host)
            let html = try await browser.get("/gateway")
            for text in [
                "<h1>Gateway</h1>", #"id="chart-sessions-name""#, #"id="chart-dials-name""#, "Branch stopped",
                "Start &lt;the&gt; branch.", "shop / main</a>", "main.pg.shop.example.net", "a minute ago",
                "an hour ago", "FROST_POSTGRES_GATEWAY_MAX_CONNECTIONS</code> 95 of 100", "10 of 10, for one address",
                "*.pg.shop.example.net (2 of 2)", #"<dd id="figure-sessions">2</dd>"#,
            ] { #expect(html.contains(text), "\(text)") }
            #expect(!html.contains("192.0.2.77"))
            let dev = try await browser.get("/gateway?branch=\(shop.dev)")
            #expect(dev.contains("<h1>shop / dev</h1>") && dev.contains(#"data-chart="chart-errors""#))
            #expect(!dev.contains("Start &lt;the&gt; branch."), "a refusal of another branch")
            #expect(!dev.contains(#"data-chart="chart-dials""#))
            #expect(try await browser.get("/gateway?branch=dbt_none").contains("There is no branch with this id."))
            #expect(try await browser.get("/gateway?branch=%3Cscript%3E&all=1").contains("Not found"))
            for page in ["/", "/settings"] {
                #expect(try await browser.get(page).contains(#"id="gateway-hour" href="/gateway""#), "\(page)")
            }

            // The same states as on the other pages, with what is kept.
            standIn.become(.bytes(AdminStandIn.http(200, "hello")))
            try await eventually("a stranger") { try await browser.get("/gateway").contains("Not the gateway") }
            await recorder.look(at: 1_002)
            #expect(await recorder.history.isKnown().suffix(2) == [true, false])
            let gone = try await browser.get("/gateway")
            #expect(gone.contains("FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS") && gone.contains("chart-sessions-name"))
            #expect(gone.contains(#"<dd id="figure-sessions">Unknown</dd>"#))
            try await host.expect(200, .PATCH, "/api/settings", #"{"gatewayEnabled": false}"#)
            #expect(try await browser.get("/gateway").contains("Turn the gateway on"))
            standIn.become(.measured(document: document) { Self.metrics(shop.dev, connections: 1, refused: 1) })
            await recorder.look(at: 1_003)
            #expect(await recorder.history.hour(of: nil).count == 2, "nobody is asked while it is off")
        }
    }

    @Test("What hangs, closes or speaks something else was not heard", .timeLimit(.minutes(2)))
    func notHeard() async throws {
        let standIn = try AdminStandIn(.silent)
        defer { standIn.stop() }
        for behaviour in [
            AdminStandIn.Behaviour.silent, .closing, .bytes("SSH-2.0-x\r\n"), .bytes(AdminStandIn.http(200, "up 1\n")),
        ] {
            standIn.become(behaviour)
            #expect(await GatewayProbe(place: standIn.place, timeout: .seconds(1)).sample() == nil)
        }
        let nowhere = GatewayPlace(admin: "127.0.0.1:0", runner: .service)
        #expect(await GatewayProbe(place: nowhere, timeout: .seconds(90)).sample() == nil)
    }
}
