import AsyncHTTPClient
import BranchManager
import Foundation
import FrostServer
import GatewayContract
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

/// The state of the gateway where it is shown: the API and the page say the same.
@Suite struct GatewayStateTests {
    @Test("On, uncovered, not ready, hung, gone: the API, the strings and every page say the same")
    func everywhere() async throws {
        let standIn = try AdminStandIn(AdminStandIn.on([.init(["*.pg.shop.example.net"])]))
        defer { standIn.stop() }
        let admin = standIn.place.admin
        try await APIHost.run(gateway: standIn.place) { host in
            let shop = try await host.makeShop()
            let browser = try await Browser(host)
            let branch = "/api/databases/\(shop.database)/targets/\(shop.dev)"

            /// Waits until all say so: what was asked a moment ago is good for some seconds.
            func expect(
                _ state: String,
                warning: String?,
                on page: [String],
                not absent: [String] = []
            ) async throws {
                let deadline = ContinuousClock.now + .seconds(90)
                while try await host.expect(200, .GET, "/api/gateway")["state"].text != state {
                    guard ContinuousClock.now < deadline else { throw Command.Failure("it does not become \(state)") }
                }
                for _ in 0..<2 {
                    let runtime = try await host.expect(200, .GET, "\(branch)/runtime")
                    #expect(runtime["externalWarning"].text == warning, "\(state)")
                    #expect(runtime["externalHost"].text == "dev.pg.shop.example.net", "\(state): the string stays")
                    let connections = try await host.expect(200, .GET, "\(branch)/connections")
                    #expect(connections["externalWarning"].text == warning, "\(state)")
                    #expect(connections["external"]["host"].text == "dev.pg.shop.example.net", "\(state)")
                }
                let pages = [
                    try await browser.get("/"), try await browser.get("/settings"),
                    try await browser.get("/branches/\(shop.dev)"),
                ]
                for text in page { for html in pages { #expect(html.contains(text), "\(state): \(text)") } }
                for text in absent { for html in pages { #expect(!html.contains(text), "\(state): \(text)") } }
                #expect(pages[2].contains(#"id="external-warning""#) == (warning != nil), "\(state)")
                #expect(pages[2].contains("dev.pg.shop.example.net:5432/"), "\(state): the string stays on its card")
            }

            try await expect("on", warning: nil, on: [], not: ["tree-gateway", "does not answer"])
            var settings = try await browser.get("/settings")
            #expect(settings.contains("*.pg.shop.example.net (2 of 2)") && settings.contains(">Valid<"))
            #expect(!settings.contains(#"id="uncovered""#))

            standIn.become(
                AdminStandIn.on([
                    .init(["*.pg.other.example.net"], until: 5, file: "/tls/other.crt"),
                    .init(["dev.pg.shop.example.net"], until: -2, file: "/tls/dev.crt"),
                    .init([], file: "/tls/none.crt"),
                ])
            )
            try await eventually("three certificates") {
                try await host.expect(200, .GET, "/api/gateway")["certificates"].list.count == 3
            }
            try await expect("on", warning: "hostname_not_covered", on: ["2 hostnames without a certificate"])
            settings = try await browser.get("/settings")
            for text in ["4 days left", "Expired", "No branch", "No certificate covers 2 of 2 hostnames."] {
                #expect(settings.contains(text), "\(text)")
            }
            let gateway = try await host.expect(200, .GET, "/api/gateway")
            #expect(gateway["hostnamesUncovered"].list.count == 2)

            standIn.become(
                .gateway(
                    readiness: AdminStandIn.notReady("route_map_missing", "no route map loaded yet"),
                    sessions: (200, AdminStandIn.document())
                )
            )
            try await expect("not_ready", warning: "gateway_unreachable", on: ["Gateway: Not ready"])
            standIn.become(.bytes(AdminStandIn.http(200, "hello")))
            try await expect("stranger", warning: "gateway_unreachable", on: ["Gateway: Not the gateway", admin])
            standIn.become(.silent)
            try await expect(
                "hung",
                warning: "gateway_unreachable",
                on: ["Gateway: Does not answer", "systemctl restart postgres-gateway"]
            )
            #expect(try await browser.get("/").contains(#"<p id="sessions-summary">Unknown</p>"#))

            // Off is no trouble, and has no string.
            try await host.expect(200, .PATCH, "/api/settings", #"{"gatewayEnabled": false}"#)
            let runtime = try await host.expect(200, .GET, "\(branch)/runtime")
            #expect(runtime["externalWarning"].text == nil && runtime["externalHost"].text == nil)
            #expect(try await host.expect(200, .GET, "/api/gateway")["state"].text == "off")
            #expect(try await browser.get("/").contains("None: the gateway is off"))
        }
    }

    @Test("Nothing listens: the API and the page name the address and the next step")
    func refused() async throws {
        let port = try await PostgresServer.freePort()
        let place = GatewayPlace(admin: "127.0.0.1:\(port)", runner: .service)
        try await APIHost.run(gateway: place) { host in
            let shop = try await host.makeShop()
            let branch = "/api/databases/\(shop.database)/targets/\(shop.dev)"
            #expect(
                try await host.expect(200, .GET, "\(branch)/runtime")["externalWarning"].text == "gateway_unreachable"
            )
            let gateway = try await host.expect(200, .GET, "/api/gateway")
            #expect(gateway["state"].text == "unreachable")
            #expect(gateway["nextStep"].text == "start it: systemctl start postgres-gateway")
            let browser = try await Browser(host)
            let page = try await browser.get("/branches/\(shop.dev)")
            #expect(page.contains("The gateway does not answer at 127.0.0.1:\(port)."))
            #expect(page.contains("systemctl start postgres-gateway"))
            // The way past the gateway has nothing to do with it.
            #expect(!(try await browser.get("/branches/\(shop.dev)?via=direct")).contains("external-warning"))
        }
    }

    @Test("A gateway that stops answering is told to who listens for events")
    func events() async throws {
        let standIn = try AdminStandIn(AdminStandIn.on())
        defer { standIn.stop() }
        try await APIHost.run(gateway: standIn.place) { host in
            var stream = HTTPClientRequest(url: "http://127.0.0.1:\(host.port)/api/events")
            stream.headers.add(name: "X-Frost-Token", value: host.token)
            let events = try await HTTPClient.shared.execute(stream, timeout: .seconds(90))
            var heard = ""
            for try await part in events.body {
                heard += String(buffer: part)
                // It has looked once: what changes from here on is news.
                if heard.contains("event: sessions") { standIn.become(.silent) }
                if heard.contains("event: gateway") { break }
            }
            #expect(heard.contains(#""state":"hung""#))
        }
    }
}
