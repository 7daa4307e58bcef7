import AsyncHTTPClient
import BranchManager
import BranchTestSupport
import Foundation
import NIOCore
import NIOHTTP1
import RouteMap
import Synchronization
import TestSupport
import Testing

@testable import FrostServer

@Suite struct APITests {
    @Test(
        "Where no server can be made, a request is refused with the reason; nothing is registered, and the page offers it no more"
    )
    func unavailable() async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            let project = try #require(try await host.expect(200, .GET, "/api/projects").list.first?["id"].text)
            let before = try await host.expect(200, .GET, "/api/operations").list.count
            host.runtime.state.withLock { $0.failing = ["engine"] }
            for (path, body) in [
                ("/api/projects/\(project)/databases", #"{"name": "boxed", "runtime": "docker"}"#),
                ("/api/databases/\(shop.database)/targets", #"{"name": "qa"}"#),
                ("/api/databases/\(shop.database)/targets/\(shop.dev)/reset", "{}"),
            ] {
                let refused = try await host.request(.POST, path, body)
                #expect(refused.status == 502 && refused.code == "runtime", "\(path): \(refused.status)")
                #expect(refused.message == "no engine today")
            }
            #expect(try await host.expect(200, .GET, "/api/operations").list.count == before)
            #expect(try await host.expect(200, .GET, "/api/projects/\(project)/databases").list.count == 1)
        }
    }

    @Test("Every answer has a date, as HTTP wants it")
    func date() async throws {
        try await APIHost.run { host in
            let date = try await host.request(.GET, "/api/health").headers["date"] ?? ""
            #expect(
                date.wholeMatch(of: /[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT/) != nil,
                "\(date)"
            )
        }
    }

    @Test(
        "A life through the API, by both names of branches; every answer is as the document has it",
        arguments: ["targets", "branches"]
    )
    func life(plural: String) async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            let all = "/api/databases/\(shop.database)/\(plural)"
            let dev = "\(all)/\(shop.dev)"
            #expect(try await host.expect(200, .GET, all).list.compactMap { $0["name"].text } == ["main", "dev"])
            #expect(try await host.expect(200, .GET, dev)["externalHostname"].text == "dev.pg.shop.example.net")

            let created = try await host.expect(
                202,
                .POST,
                all,
                #"{"name": "qa", "sourceTargetId": "\#(shop.dev)"}"#
            )
            #expect(created["target"]["sourceTargetId"].text == shop.dev)
            #expect(try await host.follow(created)["status"].text == "succeeded")

            for (action, status) in [
                ("stop", "stopped"), ("start", "active"), ("deploy", "active"), ("reset", "active"),
            ] {
                let accepted = try await host.expect(202, .POST, "\(dev)/\(action)")
                #expect(accepted["operation"]["action"].text == action)
                #expect(try await host.follow(accepted)["status"].text == "succeeded")
                #expect(try await host.expect(200, .GET, dev)["state"].text == status)
            }
            // What is so already needs no operation.
            let nothing = try await host.expect(200, .POST, "\(dev)/start")
            #expect(nothing["operation"].isNull)
            #expect(nothing["target"]["id"].text == shop.dev)

            let renamed = try await host.expect(200, .PATCH, dev, #"{"name": "neu"}"#)
            #expect(renamed["externalHost"].text == "neu.pg.shop.example.net")
            #expect(try await host.expect(200, .GET, "\(dev)/operations").list.first?["action"].text == "rename")
            #expect(try RouteMapFile.load(path: host.routeFile).entry(for: "neu.pg.shop.example.net") != nil)

            let deleted = try await host.expect(202, .DELETE, dev)
            #expect(try await host.follow(deleted)["status"].text == "succeeded")
            try await host.expect(404, .GET, dev)

            let database = try await host.expect(200, .GET, "/api/databases/\(shop.database)")
            #expect(database["password"].isNull, "no password where nobody asks for one")
            let whole = try await host.expect(202, .DELETE, "/api/databases/\(shop.database)")
            #expect(whole["operation"]["targetId"].text == shop.main, "main's stands for the whole")
            #expect(try await host.follow(whole)["status"].text == "succeeded")
            #expect(try host.manager.store.branches().isEmpty, "and ends with it")
            let project = "/api/projects/\(try #require(database["projectId"].text))"
            try await eventually("no database is left") {
                try await host.expect(200, .GET, "\(project)/databases").list.isEmpty
            }
            #expect(try await host.expect(200, .PATCH, project, #"{"name": "store"}"#)["name"].text == "store")
            try await host.expect(204, .DELETE, project)
            #expect(try await host.expect(200, .GET, "/api/projects").list.isEmpty)
            #expect(try await !host.expect(200, .GET, "/api/operations").list.isEmpty, "what was done stays known")
        }
    }

    @Test("Every fault has its status, its code, a sentence, and the field")
    func faults() async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            let targets = "/api/databases/\(shop.database)/targets"
            let other = try await host.expect(201, .POST, "/api/projects", #"{"name": "other"}"#)
            let otherID = try #require(other["id"].text)
            let cases: [(HTTPMethod, String, String?, Int, String, String?)] = [
                (.POST, "/api/projects", nil, 422, "invalid", "name"),
                (.POST, "/api/projects", "{", 400, "malformed", nil),
                (.POST, "/api/projects", "[]", 400, "malformed", nil),
                (.POST, "/api/projects", "\u{0}", 400, "malformed", nil),
                (.POST, "/api/projects", #"{"name": 1}"#, 422, "invalid", "name"),
                (.POST, "/api/projects", #"{"name": null}"#, 422, "invalid", "name"),
                (.POST, "/api/projects", #"{"name": ""}"#, 422, "invalid", "name"),
                (.POST, "/api/projects", #"{"nmae": "y"}"#, 422, "invalid", "name"),
                (.PATCH, "/api/settings", #"{"gatewayPrt": 5432}"#, 422, "invalid", "gatewayPrt"),
                (.POST, "/api/projects", #"{"name": "shop"}"#, 409, "exists", "name"),
                (
                    .POST, "/api/projects", #"{"name": "\#(String(repeating: "x", count: 70_000))"}"#, 413, "too_large",
                    nil
                ),
                (.GET, "/api/projects/proj_none", nil, 404, "not_found", nil),
                (.DELETE, "/api/projects/shop", nil, 409, "not_allowed", nil),
                (.PATCH, "/api/projects/\(otherID)", #"{"name": "shop"}"#, 409, "exists", "name"),
                (.POST, "/api/projects/\(otherID)/databases", #"{"name": "A"}"#, 422, "invalid", "name"),
                (
                    .POST, "/api/projects/\(otherID)/databases", #"{"name": "a", "runtime": "vm"}"#, 422, "invalid",
                    "runtime"
                ),
                (.GET, "/api/databases/db_none/targets", nil, 404, "not_found", nil),
                (.GET, "\(targets)/dbt_none", nil, 404, "not_found", nil),
                (.GET, "\(targets)/dev", nil, 404, "not_found", nil),
                (.POST, targets, #"{"name": "dev"}"#, 409, "exists", "name"),
                (.POST, targets, #"{"name": "x", "sourceTargetId": "none"}"#, 422, "invalid", "sourceTargetId"),
                (.PATCH, "\(targets)/\(shop.main)", #"{"name": "x"}"#, 409, "not_allowed", nil),
                (.DELETE, "\(targets)/\(shop.main)", nil, 409, "not_allowed", nil),
                (.POST, "\(targets)/\(shop.main)/reset", nil, 409, "not_allowed", nil),
                (
                    .POST, "\(targets)/\(shop.dev)/reset", #"{"sourceTargetId": "\#(shop.dev)"}"#, 422, "invalid",
                    "sourceTargetId"
                ),
                (.GET, "/api/operations/op_none", nil, 404, "not_found", nil),
                (.PATCH, "/api/settings", #"{"gatewayPort": 0}"#, 422, "invalid", "gatewayPort"),
                (.PATCH, "/api/settings", #"{"gatewayPort": 1.5}"#, 422, "invalid", "gatewayPort"),
                (.PATCH, "/api/settings", #"{"wildcardBase": "a b"}"#, 422, "invalid", "wildcardBase"),
                (.PATCH, "/api/settings", #"{"gatewayEnabled": "yes"}"#, 422, "invalid", "gatewayEnabled"),
                (.GET, "/api/none", nil, 404, "not_found", nil), (.GET, "/api", nil, 404, "not_found", nil),
                (.GET, "/api/databases/x/targets/y/z", nil, 404, "not_found", nil),
                (.GET, "/api/projects/%00/databases", nil, 404, "not_found", nil),
            ]
            for (method, path, body, status, code, field) in cases {
                let answer = try await host.request(method, path, body)
                let place = "\(method) \(path) \(body?.prefix(80) ?? "")"
                #expect(answer.status == status, "\(place): \(answer.body)")
                #expect(answer.code == code, "\(place): \(answer.body)")
                #expect(answer.field == field, "\(place): \(answer.body)")
                #expect(!answer.message.isEmpty, "\(place)")
            }
            #expect(try host.manager.store.branches().count == 2, "and nothing has changed")
        }
    }

    @Test("One operation at a time on a branch: the second is told, and both ends are true")
    func concurrency() async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            let dev = "/api/databases/\(shop.database)/targets/\(shop.dev)"
            host.runtime.state.withLock { $0.held = ["stop"] }
            let stopping = try await host.expect(202, .POST, "\(dev)/stop")
            #expect(stopping["target"]["state"].text == "stopping")
            #expect(stopping["target"]["lifecycleStatus"].text == "stopped", "as Frost says it")
            for (method, path) in [(HTTPMethod.POST, "\(dev)/deploy"), (.POST, "\(dev)/start"), (.DELETE, dev)] {
                let answer = try await host.request(method, path)
                #expect(answer.status == 409 && answer.code == "busy", "\(answer.body)")
            }
            // Another branch is free.
            let main = try await host.expect(200, .POST, "/api/databases/\(shop.database)/targets/\(shop.main)/start")
            #expect(main["target"]["lifecycleStatus"].text == "active")
            host.runtime.state.withLock { $0.held = [] }
            #expect(try await host.follow(stopping)["status"].text == "succeeded")
            #expect(try await host.expect(200, .GET, dev)["lifecycleStatus"].text == "stopped")
            // One that fails keeps its reason.
            host.runtime.state.withLock { $0.failing = ["start"] }
            let failed = try await host.follow(try await host.expect(202, .POST, "\(dev)/start"))
            #expect(failed["status"].text == "failed")
            #expect(failed["message"].text?.contains("start does not work") == true)
            #expect(try await host.expect(200, .GET, dev)["reason"].text?.contains("start does not work") == true)
        }
    }

    @Test("Connections with verify-full: of the own CA by its file, of an operator's certificates by the system's CAs")
    func verifyFull() async throws {
        let authority = CertificateAuthorityInfo(pem: "", fingerprint: "", notAfter: .now, file: "/data/ca/ca.crt")
        for (authority, root) in [(authority, "frost-ca.crt"), (nil, "system")] {
            try await APIHost.run(certificateAuthority: authority) { host in
                let shop = try await host.makeShop()
                let dev = "/api/databases/\(shop.database)/targets/\(shop.dev)"
                let connections = try await host.expect(200, .GET, "\(dev)/connections")
                #expect(connections["external"]["sslMode"].text == "require")
                #expect(connections["external"]["sslRootCert"].text == nil)
                let checked = connections["externalVerifyFull"]
                #expect(checked["sslMode"].text == "verify-full")
                #expect(checked["sslRootCert"].text == root)
                #expect(checked["host"].text == connections["external"]["host"].text)
                #expect(connections["direct"]["sslMode"].text == nil)
                try await host.follow(try await host.expect(202, .POST, "\(dev)/stop"))
                let stopped = try await host.expect(200, .GET, "\(dev)/connections")
                #expect(stopped["external"].isNull && stopped["externalVerifyFull"].isNull, "null together")
            }
        }
    }

    @Test("databases.getTargetRuntime in every state: the three are null together, and the reason says why")
    func runtime() async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            let dev = "/api/databases/\(shop.database)/targets/\(shop.dev)"
            func expectExternal(_ reason: String?, port: Int = 5_432) async throws {
                let runtime = try await host.expect(200, .GET, "\(dev)/runtime")
                #expect(runtime["externalUnavailableReason"].text == reason)
                #expect(runtime["externalHost"].text == (reason == nil ? "dev.pg.shop.example.net" : nil))
                #expect(runtime["externalPort"].number == (reason == nil ? port : nil))
                #expect(runtime["externalSslMode"].text == (reason == nil ? "require" : nil))
                #expect(runtime["targetId"].text == shop.dev)
            }
            try await expectExternal(nil)
            try await host.expect(200, .PATCH, "/api/settings", #"{"gatewayPort": 6432}"#)
            try await expectExternal(nil, port: 6_432)
            try await host.follow(try await host.expect(202, .POST, "\(dev)/stop"))
            try await expectExternal("target_stopped")
            try await host.expect(200, .PATCH, "/api/settings", #"{"wildcardBase": null}"#)
            try await expectExternal("wildcard_missing")
            try await host.expect(200, .PATCH, "/api/settings", #"{"gatewayEnabled": false}"#)
            try await expectExternal("gateway_disabled")
            #expect(try RouteMapFile.load(path: host.routeFile).count == 0, "the route map follows at once")
            try await host.expect(
                200,
                .PATCH,
                "/api/settings",
                #"{"gatewayEnabled": true, "wildcardBase": "Example.NET."}"#
            )
            try await expectExternal("target_stopped")
            #expect(try RouteMapFile.load(path: host.routeFile).count == 2)
            try await host.follow(try await host.expect(202, .POST, "\(dev)/start"))
            try await expectExternal(nil, port: 6_432)

            // Of a container.
            let project = try await host.expect(201, .POST, "/api/projects", #"{"name": "other"}"#)["id"].text ?? ""
            let created = try await host.expect(
                202,
                .POST,
                "/api/projects/\(project)/databases",
                #"{"name": "box", "runtime": "docker"}"#
            )
            try await host.follow(created)
            let target = created["target"]
            let runtime = try await host.expect(
                200,
                .GET,
                "/api/databases/\(target["databaseId"].text ?? "")/targets/\(target["id"].text ?? "")/runtime"
            )
            #expect(runtime["containerName"].text == "frost-db-\(target["id"].text ?? "")")
            #expect(runtime["image"].text == "postgres:16")
            #expect(runtime["port"].number == 5_432)
        }
    }

    @Test("What the document has is served, and what it does not have is not")
    func document() async throws {
        try await APIHost.run { host in
            let document = OpenAPIDocument(host.document)
            #expect(document.root["openapi"].text == "3.1.0")
            let names = document.root["paths"].members.values.flatMap {
                $0.members.values.compactMap { $0["operationId"].text }
            }
            #expect(Set(names).count == names.count, "operationIds are unique")
            #expect(names.contains("databases.getTargetRuntime"))
            #expect(document.operations.contains { $0.path == "/api/openapi.json" })
            // HEAD wherever there is GET (RFC 9110, section 9.3.2), without a body.
            for path in ["/api/health", "/api/projects", "/api/openapi.json"] {
                let head = try await host.request(.HEAD, path)
                #expect(head.status == 200 && head.body.isNull, "\(path): \(head.status)")
            }
            for path in ["/api", "/api/databases/x", "/api/databases/x/targets/y/z/w", "/none", "/branches/"] {
                #expect(try await host.request(.DELETE, path).status >= 404, "\(path)")
            }
            for (path, method) in document.operations where path != "/api/events" {
                let answer = try await host.request(
                    HTTPMethod(rawValue: method),
                    path.replacing(/\{[A-Za-z]+\}/, with: "none")
                )
                #expect(!answer.message.contains("openapi.json"), "\(method) \(path) is not served: \(answer.message)")
                for other in ["GET", "POST", "PUT", "PATCH", "DELETE"]
                where document.root["paths"][path][other.lowercased()].isNull {
                    let refused = try await host.request(
                        HTTPMethod(rawValue: other),
                        path.replacing(/\{[A-Za-z]+\}/, with: "none")
                    )
                    #expect(
                        refused.status == 405 && refused.code == "method_not_allowed",
                        "\(other) \(path): \(refused.status)"
                    )
                    #expect(refused.headers["allow"]?.contains(method) == true, "\(refused.headers)")
                }
            }
        }
    }

    @Test("Events: what changes is streamed, whoever changes it")
    func events() async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(host.port)/api/events")
            request.headers.add(name: "X-Frost-Token", value: host.token)
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
            #expect(response.headers.first(name: "Content-Type") == "text/event-stream")
            var (seen, all) = ("", "")
            // What is done next, once something has been seen.
            let dev = "/api/databases/\(shop.database)/targets/\(shop.dev)"
            var steps: [(seen: String, next: () async throws -> Void)] = [
                (": listening", { try await host.follow(try await host.expect(202, .POST, "\(dev)/stop")) }),
                (
                    #""lifecycleStatus":"stopped""#,
                    {
                        // As another process does.
                        try await host.manager.delete(host.manager.store.branch(id: shop.dev))
                        try host.manager.store.setGatewayPort(7_432)
                    }
                ),
                ("event: target-deleted\ndata: {\"id\":\"\(shop.dev)\"}\n\n", {}),
                (
                    #""gatewayPort":7432"#,
                    {
                        // A password is in no event; that it is another one is news of all that have it.
                        seen = ""
                        try await host.expect(200, .POST, "/api/databases/\(shop.database)/password")
                    }
                ),
                ("event: target\n", {}),
            ]
            for try await part in response.body {
                seen += String(buffer: part)
                all += String(buffer: part)
                while let step = steps.first, seen.contains(step.seen) {
                    steps.removeFirst()
                    try await step.next()
                }
                if steps.isEmpty {
                    #expect(all.contains(#"event: operation\#ndata: {"action":"stop""#), "\(seen)")
                    return
                }
            }
            Issue.record("the stream ended: \(seen)")
        }
    }
}
