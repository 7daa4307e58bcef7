import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import FrostServer

@Suite struct OneTimeLoginTests {
    /// Follows no redirection: where it leads is looked at.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    @Test("A link logs in once; one that was used, was looked at only or never was one does not")
    func once() async throws {
        try await APIHost.run { host in
            func open(_ path: String, _ method: HTTPMethod = .GET) async throws -> HTTPClientResponse {
                var request = HTTPClientRequest(url: "http://127.0.0.1:\(host.port)\(path)")
                request.method = method
                return try await Self.client.execute(request, timeout: .seconds(60))
            }
            let link = host.oneTimeLogins.make()
            #expect(try await open(link, .HEAD).headers.first(name: "Set-Cookie") == nil)
            let first = try await open(link)
            #expect(first.status == .seeOther && first.headers.first(name: "Location") == "/")
            let cookie = try #require(first.headers.first(name: "Set-Cookie"))
            #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "\(cookie)")
            let login = String(cookie.prefix { $0 != ";" })
            #expect(try await host.request(.GET, "/api/projects", headers: ["Cookie": login]).status == 200)
            for path in [link, "\(OneTimeLogins.path)/", "\(OneTimeLogins.path)/x", link + "x"] {
                let again = try await open(path)
                #expect(again.headers.first(name: "Set-Cookie") == nil, "\(path): \(again.status)")
                #expect(again.status != .ok, "\(path)")
            }
        }
    }

    @Test("A link ends after ten minutes")
    func time() throws {
        let logins = OneTimeLogins()
        let made = Date(timeIntervalSince1970: 0)
        func secret() -> String { String(logins.make(at: made).split(separator: "/").last ?? "") }
        #expect(logins.use(secret(), at: made.addingTimeInterval(OneTimeLogins.lifetime - 1)))
        #expect(!logins.use(secret(), at: made.addingTimeInterval(OneTimeLogins.lifetime)))
    }
}
