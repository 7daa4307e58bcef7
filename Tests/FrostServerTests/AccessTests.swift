import AsyncHTTPClient
import BranchManager
import Foundation
import GRDB
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import FrostServer

/// Who may: the token, and browsers that log in with it.
@Suite struct AccessTests {
    @Test("Without the token nothing is told; a new one ends the old one")
    func authentication() async throws {
        try await APIHost.run { host in
            for (path, methods) in OpenAPIDocument(host.document).root["paths"].members {
                for method in methods.members.keys {
                    let isOpen = ["/api/health", "/api/openapi.json"].contains(path)
                    for headers in [
                        [:], ["X-Frost-Token": ""], ["X-Frost-Token": host.token + "x"],
                        ["Cookie": "frost_session=1.2.3"],
                    ] {
                        let answer = try await host.request(
                            HTTPMethod(rawValue: method.uppercased()),
                            path,
                            headers: headers
                        )
                        #expect(answer.status == (isOpen ? 200 : 401), "\(method) \(path) \(headers)")
                    }
                }
            }
            let events = try await host.request(.GET, "/api/events", headers: [:])
            #expect(events.status == 401)
            let new = try AccessToken.make(in: host.manager.store)
            #expect(try await host.request(.GET, "/api/projects").status == 401)
            #expect(try await host.request(.GET, "/api/projects", headers: ["X-Frost-Token": new]).status == 200)
            #expect(try host.manager.store.accessTokenHash()?.contains(new) == false, "only its hash is kept")
        }
    }

    @Test(
        "A browser: logged in with the token; what it changes has to come from a page of ours; it ends with the token"
    )
    func browser() async throws {
        try await APIHost.run { host in
            let here = "http://127.0.0.1:\(host.port)"
            func logIn(_ token: String, _ headers: [String: String]) async throws -> (status: Int, cookie: String?) {
                var request = HTTPClientRequest(url: "\(here)/login")
                request.method = .POST
                for (name, value) in headers { request.headers.add(name: name, value: value) }
                request.body = .bytes(ByteBuffer(string: "token=\(token)"))
                // Redirections are looked at, not followed.
                let response = try await Self.client.execute(request, timeout: .seconds(30))
                let cookie = response.headers.first(name: "Set-Cookie")
                if let cookie {
                    #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "\(cookie)")
                }
                return (Int(response.status.code), cookie.map { String($0.prefix { $0 != ";" }) })
            }
            #expect(try await logIn("frost_wrong", ["Origin": here]).status == 401)
            #expect(try await logIn(host.token, ["Origin": "http://evil.example"]).status == 403)
            #expect(try await logIn(host.token, ["Sec-Fetch-Site": "cross-site", "Origin": here]).status == 403)
            #expect(try await logIn(host.token, [:]).status == 403)
            let login = try await logIn(host.token, ["Sec-Fetch-Site": "same-origin"])
            #expect(login.status == 303)
            let cookie = try #require(login.cookie)

            #expect(try await host.request(.GET, "/api/projects", headers: ["Cookie": cookie]).status == 200)
            let cases: [([String: String], Int)] = [
                ([:], 403), (["Sec-Fetch-Site": "cross-site"], 403), (["Sec-Fetch-Site": "same-site"], 403),
                (["Sec-Fetch-Site": "none"], 403), (["Origin": "http://evil.example"], 403), (["Origin": "null"], 403),
                (["Origin": "http://127.0.0.1:1"], 403), (["Sec-Fetch-Site": "cross-site", "Origin": here], 403),
                (["Sec-Fetch-Site": "same-origin"], 201), (["Origin": here], 201),
            ]
            for (number, (headers, status)) in cases.enumerated() {
                let answer = try await host.request(
                    .POST,
                    "/api/projects",
                    #"{"name": "p\#(number)"}"#,
                    headers: headers.merging(["Cookie": cookie]) { $1 }
                )
                #expect(answer.status == status, "\(headers): \(answer.body)")
            }
            for changed in ["frost_session=", cookie + "x", String(cookie.dropLast())] {
                #expect(
                    try await host.request(.GET, "/api/projects", headers: ["Cookie": changed]).status == 401,
                    "\(changed)"
                )
            }
            // A logout ends its own login alone, whoever has kept the cookie.
            let other = try #require(try await logIn(host.token, ["Origin": here]).cookie)
            func logOut(_ cookie: String, _ headers: [String: String]) async throws {
                var request = HTTPClientRequest(url: "\(here)/logout")
                request.method = .POST
                for (name, value) in headers { request.headers.add(name: name, value: value) }
                request.headers.add(name: "Cookie", value: cookie)
                #expect(try await Self.client.execute(request, timeout: .seconds(30)).status.code == 303)
            }
            try await logOut(other, ["Origin": "http://evil.example"])
            #expect(try await host.request(.GET, "/api/projects", headers: ["Cookie": other]).status == 200)
            try await logOut(other, ["Origin": here])
            #expect(try await host.request(.GET, "/api/projects", headers: ["Cookie": other]).status == 401)
            #expect(try await host.request(.GET, "/api/projects", headers: ["Cookie": cookie]).status == 200)
            let kept = try host.manager.store.read { db in try String.fetchAll(db, sql: "SELECT hash FROM login") }
            #expect(kept.count == 1 && !cookie.contains(kept[0]), "only a hash is kept")
            _ = try AccessToken.make(in: host.manager.store)
            #expect(try await host.request(.GET, "/api/projects", headers: ["Cookie": cookie]).status == 401)
        }
    }

    static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    @Test(
        "Every answer, errors included, keeps a browser from framing it, guessing its type and running what others put in"
    )
    func headers() async throws {
        try await APIHost.run { host in
            for path in ["/login", "/", "/api/health", "/api/projects", "/ca.crt", "/assets/none", "/nothing/here"] {
                let request = HTTPClientRequest(url: "http://127.0.0.1:\(host.port)\(path)")
                let fields = try await Self.client.execute(request, timeout: .seconds(60)).headers
                let policy = fields.first(name: "Content-Security-Policy") ?? ""
                for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"]
                {
                    #expect(policy.contains("\(part);"), "\(path): \(policy)")
                }
                #expect(!policy.contains("unsafe"), "\(path)")
                #expect(fields.first(name: "X-Content-Type-Options") == "nosniff", "\(path)")
                #expect(fields.first(name: "Referrer-Policy") == "same-origin", "\(path)")
            }
        }
    }

    @Test("A token that cannot be shown ends nothing")
    func tokenNotShown() throws {
        let directory = try TemporaryDirectory("token")
        defer { directory.remove() }
        let store = try BranchStore.open(in: directory.path)
        let token = try AccessToken.make(in: store)
        #expect(throws: BranchError.self) {
            try AccessToken.make(in: store) { _ in throw BranchError.store("nobody reads") }
        }
        #expect(try AccessToken.isRight(token, in: store))
        try AccessToken.make(in: store) { other in #expect(other != token) }
        #expect(try !AccessToken.isRight(token, in: store))
    }

    @Test("A login ends after a week, and is forgotten with the next one")
    func loginEnds() throws {
        let directory = try TemporaryDirectory("login")
        defer { directory.remove() }
        let store = try BranchStore.open(in: directory.path)
        #expect(try Login.begin(with: "", in: store) == nil, "without a token there is no login")
        let token = try AccessToken.make(in: store)
        let begun = Date(timeIntervalSince1970: 1_000_000)
        let value = try #require(try Login.begin(with: token, in: store, at: begun))
        let end = begun.addingTimeInterval(Double(Login.lifetime))
        #expect(try Login.isRight(value, in: store, at: begun))
        #expect(try Login.isRight(value, in: store, at: end.addingTimeInterval(-1)))
        #expect(try !Login.isRight(value, in: store, at: end))
        _ = try Login.begin(with: token, in: store, at: end)
        #expect(try store.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM login") } == 1)
    }
}
