import Foundation
import GatewayContract
import GatewayCore
import GatewayTestSupport
import NIOCore
import PostgresGateway
import RouteMap
import TestSupport
import Testing

/// The refusals of `/sessions`.
@Suite struct RecentRefusalsTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test("Refusals of one kind are one entry, the latest kind first")
    func kinds() {
        let refusals = RecentRefusals()
        let stopped = Refusal.branchStopped(Fixtures.stopped("dev.pg.shop.example.net"))
        refusals.note(stopped, at: start)
        // What the client asked for is no part of the kind.
        for name in ["a.example", "b.example", "<script>"] {
            refusals.note(.unknownHostname(name), at: start + .seconds(1))
        }
        refusals.note(stopped, at: start + .seconds(3))
        let documents = refusals.documents(hostnames: { ["dbt_1": "dev.pg.shop.example.net"] }, at: start + .seconds(8))
        #expect(documents.map(\.reason) == ["branch_stopped", "unknown_hostname"])
        #expect(documents.map(\.count) == [2, 3])
        #expect(documents.map(\.ageSeconds) == [5, 7])
        #expect(documents.map(\.target) == ["dbt_1", nil])
        #expect(documents.map(\.hostname) == ["dev.pg.shop.example.net", nil])
        #expect(documents.map(\.hint) == [stopped.hint, Refusal.unknownHostname("x").hint])
        let gone = refusals.documents(hostnames: { [:] }, at: start + .seconds(8))
        #expect(gone.map(\.hostname) == [nil, nil], "a route that went has no hostname")
    }

    @Test("As many kinds as the contract says, and the one that is longest ago goes first")
    func bounds() throws {
        let refusals = RecentRefusals()
        for number in 0..<(SessionsDocument.Refusal.most + 5) {
            let target = Target(id: "dbt_\(number)", name: "dev", database: "shop", project: "shop")
            let hostname = try Hostname("dev\(number).pg.shop.example.net")
            refusals.note(.branchStopped(StoppedRoute(hostname: hostname, target: target)), at: start)
            // One that comes again and again stays.
            refusals.note(.noServerName, at: start)
        }
        let documents = refusals.documents(hostnames: { [:] }, at: start)
        #expect(documents.count == SessionsDocument.Refusal.most)
        #expect(documents.first?.reason == "no_server_name")
        #expect(documents.first?.count == UInt64(SessionsDocument.Refusal.most + 5))
        #expect(documents.dropFirst().first?.target == "dbt_\(SessionsDocument.Refusal.most + 4)")
        #expect(!documents.contains { $0.target == "dbt_0" })
    }

    @Test("/sessions has what a gateway refused, and nothing that its clients sent")
    func document() async throws {
        try await TestGateway.run(routes: [], stopped: [Fixtures.stopped(TestGateway.hostname)]) { gateway in
            for name in ["nobody.pg.shop.example.net", TestGateway.hostname] {
                let client = try gateway.connectTLS(serverName: name)
                try client.write(ByteBuffer.startup().bytes)
                #expect(ReceivedError(try client.readToEnd())?.sqlState != nil)
            }
            let document = gateway.server.sessionsDocument()
            #expect(document.refusals.map(\.reason) == ["branch_stopped", "unknown_hostname"])
            #expect(document.refusals.first?.hostname == TestGateway.hostname)
            #expect(document.refusals.first?.hint == "Start the branch, then connect again.")
            let text = String(decoding: try JSONEncoder().encode(document), as: UTF8.self)
            #expect(!text.contains("nobody") && !text.contains("127.0.0.1"))
        }
    }
}
