import AsyncHTTPClient
import BranchManager
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import FrostServer

/// After a login one comes back to where one was, and only within this site.
@Suite struct LoginReturnTests {
    @Test(
        "A page of this site is come back to, with its query",
        arguments: ["/settings", "/branches/dbt_1?via=direct&tab=psql"]
    )
    func page(path: String) {
        #expect(LoginReturn(to: path).path == path)
        #expect(LoginReturn(to: path).loginPath.hasPrefix("/login?next=%2F"))
    }

    @Test(
        "What is no page of this site leads to the overview",
        arguments: [
            "", "/", "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example", " //evil.example", "evil.example", "javascript:alert(1)", "/login",
            "/login?next=/login",
            "/logout", "/api/events", "/assets/frost.js", "/a\r\nSet-Cookie: a=b", "/ü",
            "/" + String(repeating: "a", count: 1_024),
        ]
    )
    func elsewhere(path: String) {
        #expect(LoginReturn(to: path).path == "/")
        #expect(LoginReturn(to: path).loginPath == "/login")
    }

    @Test("Who is not logged in is asked for the token and comes back; after a change of the token it says so")
    func there() async throws {
        try await APIHost.run { host in
            let base = "http://127.0.0.1:\(host.port)"
            func ask(_ path: String, token: String? = nil, cookie: String? = nil) async throws -> HTTPClientResponse {
                var request = HTTPClientRequest(url: base + path)
                if let token {
                    request.method = .POST
                    request.headers.add(name: "Sec-Fetch-Site", value: "same-origin")
                    request.body = .bytes(ByteBuffer(string: "token=\(token)"))
                }
                if let cookie { request.headers.add(name: "Cookie", value: cookie) }
                return try await AccessTests.client.execute(request, timeout: .seconds(90))
            }
            func text(_ response: HTTPClientResponse) async throws -> String {
                String(buffer: try await response.body.collect(upTo: 1_024 * 1_024))
            }
            let login = try #require(
                try await ask("/branches/dbt_1?via=direct&tab=psql").headers.first(name: "Location")
            )
            #expect(login == "/login?next=%2Fbranches%2Fdbt%5F1%3Fvia%3Ddirect%26tab%3Dpsql")
            let form = try await text(ask(login))
            #expect(form.contains("action=\"\(login)\"") && !form.contains("You were logged out"))
            let refused = try await ask(login, token: "frost_wrong")
            #expect(refused.status.code == 401)
            #expect(try await text(refused).contains("action=\"\(login)\""), "a wrong token forgets nothing")
            let answer = try await ask(login, token: host.token)
            #expect(answer.headers.first(name: "Location") == "/branches/dbt_1?via=direct&tab=psql")
            let cookie = try #require(answer.headers.first(name: "Set-Cookie").map { String($0.prefix { $0 != ";" }) })
            for next in [
                "//evil.example", "%2F%2Fevil.example", "/%5Cevil.example", "/%09/evil.example",
                "https:%2F%2Fevil.example",
            ] {
                let answer = try await ask("/login?next=\(next)", token: host.token)
                #expect(answer.headers.first(name: "Location") == "/", "\(next)")
                let again = try await ask("/login?next=\(next)", cookie: cookie)
                #expect(again.headers.first(name: "Location") == "/", "\(next)")
            }

            let sentence = "You were logged out because the token was changed."
            let new = try AccessToken.make(in: host.manager.store)
            #expect(try await text(ask("/login", cookie: cookie)).contains(sentence))
            #expect(try await !text(ask("/login", cookie: cookie + "x")).contains(sentence), "a login of another host")
            let second = try await ask("/login", token: new, cookie: cookie)
            #expect(second.headers.first(name: "Location") == "/")
            for _ in 0..<2 { _ = try AccessToken.make(in: host.manager.store) }
            #expect(try await text(ask("/login", cookie: cookie)).contains(sentence), "it stays true")
        }
    }

    @Test("A branch or a page that is not there says so in a sentence")
    func missing() async throws {
        try await APIHost.run { host in
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(host.port)/login")
            request.method = .POST
            request.headers.add(name: "Sec-Fetch-Site", value: "same-origin")
            request.body = .bytes(ByteBuffer(string: "token=\(host.token)"))
            let login = try await AccessTests.client.execute(request, timeout: .seconds(90))
            let cookie = try #require(login.headers.first(name: "Set-Cookie").map { String($0.prefix { $0 != ";" }) })
            for (path, sentence) in [
                ("/branches/dbt_nope", "There is no branch with this id. It may have been deleted."),
                ("/nowhere", "There is no page at this address."),
            ] {
                var request = HTTPClientRequest(url: "http://127.0.0.1:\(host.port)\(path)")
                request.headers.add(name: "Cookie", value: cookie)
                let answer = try await AccessTests.client.execute(request, timeout: .seconds(90))
                #expect(answer.status.code == 404)
                let html = String(buffer: try await answer.body.collect(upTo: 1_024 * 1_024))
                #expect(html.contains("<p class=\"lead\">\(sentence)</p>"))
            }
        }
    }
}
