import AsyncHTTPClient
import BranchManager
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

/// The store blocks, so it is used on threads of its own: neither on those that tasks share, nor on event loops.
@Suite struct StoreThreadTests {
    /// Accesses on other threads, while it is switched on.
    private final class Accesses: Sendable {
        private struct Counts {
            var isOn = false
            var own = 0
            var others: [String] = []
        }

        private let counts = Mutex(Counts())

        func note() {
            let isOwn = BlockingWork.executor.isCurrent
            counts.withLock { counts in
                guard counts.isOn else { return }
                counts.own += isOwn ? 1 : 0
                if !isOwn { counts.others.append(Thread.callStackSymbols.prefix(12).joined(separator: "\n")) }
            }
        }

        func turn(on: Bool) { counts.withLock { $0.isOn = on } }

        var own: Int { counts.withLock { $0.own } }
        var others: [String] { counts.withLock { $0.others } }
    }

    @Test("The API, the page, the stream of events and operations use the store on its own threads only")
    func server() async throws {
        let accesses = Accesses()
        try await APIHost.run(accessed: { accesses.note() }) { host in
            accesses.turn(on: true)
            let shop = try await host.makeShop()
            var stream = HTTPClientRequest(url: "http://127.0.0.1:\(host.port)/api/events")
            stream.headers.add(name: "X-Frost-Token", value: host.token)
            let events = try await HTTPClient.shared.execute(stream, timeout: .seconds(60))
            var heard = ""
            var hasBegun = false
            for try await part in events.body {
                heard += String(buffer: part)
                if !hasBegun, heard.contains(": listening") {
                    hasBegun = true
                    let dev = "/api/databases/\(shop.database)/targets/\(shop.dev)"
                    try await host.follow(try await host.expect(202, .POST, "\(dev)/stop"))
                }
                // One that says nothing asks whether it is allowed still.
                if heard.contains(": still here") { break }
            }
            #expect(heard.contains(#""lifecycleStatus":"stopped""#))
            try await host.expect(200, .GET, "/api/settings")
            try await host.expect(200, .POST, "/api/databases/\(shop.database)/password")
            let here = "http://127.0.0.1:\(host.port)"
            var login = HTTPClientRequest(url: "\(here)/login")
            login.method = .POST
            login.headers.add(name: "Origin", value: here)
            login.body = .bytes(ByteBuffer(string: "token=\(host.token)"))
            let loggedIn = try await AccessTests.client.execute(login, timeout: .seconds(60))
            let cookie = try #require(loggedIn.headers.first(name: "Set-Cookie")).prefix { $0 != ";" }
            for path in ["/", "/settings", "/branches/\(shop.dev)", "/nowhere"] {
                var request = HTTPClientRequest(url: here + path)
                request.headers.add(name: "Cookie", value: String(cookie))
                let answer = try await AccessTests.client.execute(request, timeout: .seconds(60))
                #expect(answer.status.code == (path == "/nowhere" ? 404 : 200), "\(path)")
            }
            accesses.turn(on: false)
        }
        #expect(accesses.own > 20)
        #expect(accesses.others.isEmpty, "\(accesses.others.first ?? "")")
    }
}
