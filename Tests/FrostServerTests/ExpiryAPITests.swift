import BranchManager
import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// Branches that expire, as programs and people see them.
@Suite struct ExpiryAPITests {
    @Test("A time to live is given with Frost's fields, changed, taken away, and never to main")
    func fields() async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            let targets = "/api/databases/\(shop.database)/targets"
            let made = try await host.expect(
                202,
                .POST,
                targets,
                #"{"name": "pr-1", "sourceTargetName": "main", "ttlValue": 7, "ttlUnit": "days"}"#
            )
            try await host.follow(made)
            let id = try #require(made["id"].text)
            #expect(made["ttlValue"].number == 7 && made["ttlUnit"].text == "days")
            let target = try await host.expect(200, .GET, "\(targets)/\(id)")
            let runtime = try await host.expect(200, .GET, "\(targets)/\(id)/runtime")
            for name in ["ttlValue", "ttlUnit", "lastActivityAt", "expiresAt", "deletesAt"] {
                #expect(target[name] == runtime[name], "\(name)")
            }
            let left = Double(try #require(target["expiresAt"].number)) / 1_000 - Date.now.timeIntervalSince1970
            #expect((5 * 86_400...7 * 86_400).contains(left) && target["deletesAt"].kind == .null)
            #expect(target["lastActivityAt"].number != nil)

            // What says nothing of it changes nothing of it.
            let same = try await host.expect(200, .PATCH, "\(targets)/\(id)", #"{"name": "pr-2", "ttlUnit": null}"#)
            #expect(same["ttlValue"].number == 7 && same["name"].text == "pr-2")
            let other = try await host.expect(
                200,
                .PATCH,
                "\(targets)/\(id)",
                #"{"name": "pr-3", "ttlValue": 36, "ttlUnit": "hours"}"#
            )
            #expect(other["ttlValue"].number == 36 && other["ttlUnit"].text == "hours" && other["name"].text == "pr-3")
            // As the page's empty field says it.
            let none = try await host.expect(200, .PATCH, "\(targets)/\(id)", #"{"ttlValue": null, "ttlUnit": "days"}"#)
            for name in ["ttlValue", "ttlUnit", "expiresAt", "lastActivityAt"] {
                #expect(none[name].kind == .null, "\(name)")
            }

            let main = try await host.request(.PATCH, "\(targets)/\(shop.main)", #"{"ttlValue": 7, "ttlUnit": "days"}"#)
            #expect(main.status == 409 && main.code == "not_allowed")
            #expect(main.message.contains("never expires"))
            try await host.expect(200, .PATCH, "\(targets)/\(shop.main)", #"{"ttlValue": null}"#)
        }
    }

    @Test("A branch that has expired is shown so by the API, the route map and every page, and is started again")
    func expired() async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            let dev = "/api/databases/\(shop.database)/targets/\(shop.dev)"
            try await host.expect(200, .PATCH, dev, #"{"ttlValue": 1, "ttlUnit": "hours"}"#)
            let watch = ExpiryWatch(host.manager)
            let start = ContinuousClock.now
            for minute in 0...61 { _ = try await watch.look(at: start + .seconds(60 * minute)) }
            let target = try await host.expect(200, .GET, dev)
            #expect(target["lifecycleStatus"].text == "expired" && target["state"].text == "expired")
            #expect(target["reason"].kind == .null && target["expiresAt"].kind == .null)
            let left = Double(try #require(target["deletesAt"].number)) / 1_000 - Date.now.timeIntervalSince1970
            #expect((6 * 86_400...7 * 86_400).contains(left))
            let runtime = try await host.expect(200, .GET, "\(dev)/runtime")
            #expect(runtime["lifecycleStatus"].text == "expired")
            #expect(
                runtime["externalUnavailableReason"].text == "target_stopped" && runtime["externalHost"].kind == .null
            )
            let operation = try #require(try await host.expect(200, .GET, "\(dev)/operations").list.first)
            #expect(operation["action"].text == "expire" && operation["actor"].text == "frost")
            #expect(try String(contentsOfFile: host.routeFile, encoding: .utf8).contains("dev.pg.shop.example.net"))
            let browser = try await Browser(host)
            for (path, texts) in [
                ("/", ["Expired", "shop / dev", "unless you start it", "by frost", "start-\(shop.dev)"]),
                ("/branches/\(shop.dev)", ["This branch has expired.", "It was not used for 1 hour", "action-start"]),
            ] {
                let page = try await browser.get(path)
                for text in texts { #expect(page.contains(text), "\(path): \(text)") }
            }
            try await host.follow(try await host.expect(202, .POST, "\(dev)/start"))
            let started = try await host.expect(200, .GET, dev)
            #expect(started["lifecycleStatus"].text == "active" && started["deletesAt"].kind == .null)
            #expect(started["expiresAt"].number != nil)
        }
    }
}
