import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Testing

/// Somebody who is logged in.
struct Browser {
    private let base: String
    private let cookie: String

    init(_ host: APIHost) async throws {
        base = "http://127.0.0.1:\(host.port)"
        var request = HTTPClientRequest(url: "\(base)/login")
        request.method = .POST
        request.headers.add(name: "Sec-Fetch-Site", value: "same-origin")
        request.body = .bytes(ByteBuffer(string: "token=\(host.token)"))
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton,
            configuration: .init(redirectConfiguration: .disallow)
        )
        let response = try await client.execute(request, timeout: .seconds(30))
        try await client.shutdown()
        cookie = String(try #require(response.headers.first(name: "Set-Cookie")).prefix { $0 != ";" })
    }

    func get(_ path: String) async throws -> String {
        var request = HTTPClientRequest(url: base + path)
        request.headers.add(name: "Cookie", value: cookie)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        return String(buffer: try await response.body.collect(upTo: 4 * 1_024 * 1_024))
    }
}
