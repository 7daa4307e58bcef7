import BranchManager
import BranchTestSupport
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

/// Operations that are cancelled by request, and how far they are meanwhile.
@Suite struct CancelRequestTests {
    @Test("A create and a reset are cancelled: how far they were, and what they leave")
    func cancel() async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            let all = "/api/databases/\(shop.database)/targets"
            host.runtime.state.withLock { state in
                state.held = ["copy"]
                state.progress = CopyProgress(doneBytes: 1_200_000_000, totalBytes: 3_400_000_000)
            }
            for (path, body) in [(all, #"{"name": "new"}"#), ("\(all)/\(shop.dev)/reset", "{}")] {
                let accepted = try await host.expect(202, .POST, path, body)
                let id = try #require(accepted["operation"]["id"].text)
                while host.runtime.state.withLock({ $0.waiting["copy"] ?? 0 }) == 0 { await Task.yield() }
                let running = try await host.expect(200, .GET, "/api/operations/\(id)")
                #expect(running["progress"]["doneBytes"].number == 1_200_000_000, "\(running)")
                #expect(running["progress"]["totalBytes"].number == 3_400_000_000)
                #expect(running["canCancel"].truth == true && running["cancelRequested"].truth == false)
                let asked = try await host.request(.POST, "/api/operations/\(id)/cancel")
                #expect(asked.status == 202 && asked.headers["location"] == "/api/operations/\(id)")
                #expect(asked.body["cancelRequested"].truth == true)
                let ended = try await host.follow(accepted)
                #expect(ended["status"].text == "cancelled", "\(ended)")
                #expect(ended["canCancel"].truth == false && ended["cancelRequested"].truth == true)
                let again = try await host.request(.POST, "/api/operations/\(id)/cancel")
                #expect(again.status == 409 && again.code == "not_allowed", "\(again.body)")
            }
            #expect(try await host.expect(200, .GET, all).list.compactMap { $0["state"].text } == ["active", "active"])
            host.runtime.state.withLock { $0.held = [] }
        }
    }

    @Test("What runs otherwise, and what is not there, cannot be cancelled")
    func refused() async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            let dev = "/api/databases/\(shop.database)/targets/\(shop.dev)"
            host.runtime.state.withLock { $0.held = ["stop"] }
            let accepted = try await host.expect(202, .POST, "\(dev)/stop")
            let id = try #require(accepted["operation"]["id"].text)
            let refused = try await host.request(.POST, "/api/operations/\(id)/cancel")
            #expect(refused.status == 409 && refused.message.contains("a stop cannot be cancelled"), "\(refused.body)")
            host.runtime.state.withLock { $0.held = [] }
            #expect(try await host.follow(accepted)["status"].text == "succeeded")
            #expect(try await host.request(.POST, "/api/operations/op_none/cancel").status == 404)
        }
    }
}
