import GatewayCore
import GatewayHardening
import GatewayTestSupport
import NIOCore
import PostgresGateway
import TestSupport
import Testing

@Suite struct RefusalLogTests {
    @Test("Refusals of one kind in a burst: ten lines, and one that says how many more there were")
    func burst() async throws {
        try await TestGateway.run(routes: [], stopped: [Fixtures.stopped(TestGateway.hostname)]) { gateway in
            for _ in 0..<30 {
                let client = try gateway.connectTLS(serverName: "nobody.pg.shop.example.net")
                try client.write(ByteBuffer.startup().bytes)
                #expect(ReceivedError(try client.readToEnd())?.sqlState == "3D000")
            }
            // Another kind has its own lines, in the midst of the burst.
            let client = try gateway.connectTLS()
            try client.write(ByteBuffer.startup().bytes)
            #expect(ReceivedError(try client.readToEnd())?.sqlState == "57P03")
            #expect(gateway.server.metrics.outcomes[.refused(.unknownHostname)] == 30)
            try await gateway.stop()
            let lines = try gateway.log.all.map { try #require(LogLine($0)) }
            let refusals = lines.filter { $0["message"] == "connection refused" }
            #expect(refusals.count { $0["reason"] == "branch_stopped" && $0["target"] == "dbt_1" } == 1)
            // A window may have ended in between, on a slow machine.
            let written = refusals.count { $0["reason"] == "unknown_hostname" }
            let suppressed = lines.filter { $0["reason"] == "unknown_hostname" }.compactMap {
                $0["suppressed"].flatMap(Int.init)
            }
            #expect(written + suppressed.reduce(0, +) == 30)
            #expect(!suppressed.isEmpty)
        }
    }
}
