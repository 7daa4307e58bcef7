import GatewayTestSupport
import NIOCore
import PostgresGateway
import TestSupport
import Testing

/// The one limit without a row in `MetricsTableTests`: how many handshakes come between two polls is up to the machine, so
/// their number is too.
@Suite struct HandshakeLimitTests {
    private static let evictions = #"evictions_total{limit="handshakes"}"#
    private static let closed = #"connections_total{outcome="evicted"}"#
    private static let clients = 40

    @Test("MAX_HANDSHAKES: of many ClientHellos at once, those that wait longest make way, and are counted as such")
    func evictions() async throws {
        try await TestGateway.run(
            routes: [Fixtures.route(TestGateway.hostname, port: 1)],
            configure: { $0.maxHandshakes = 1 }
        ) { gateway in
            func series() throws -> [String: Double] {
                try MetricsSnapshot(AdminServices(of: gateway.server).metrics()).values
            }
            #expect(try series()[Self.evictions] == 0)
            // Open to the end, so that the gateway closes those that make way, and not the client.
            var clients: [TLSConnection] = []
            while try series()[Self.evictions] == 0 {
                let new = try (0..<Self.clients).map { _ in
                    let raw = try gateway.connect()
                    try raw.send(ByteBuffer.sslRequest.bytes)
                    #expect(try raw.receive() == [UInt8(ascii: "S")])
                    return try TLSConnection(raw, serverName: TestGateway.hostname)
                }
                for client in new { try client.sendClientHello() }
                clients += new
                try #require(clients.count <= 400, "no handshake makes way, whatever comes at once")
                try await eventually("none waits") { try series()["handshakes_waiting"] == 0 }
            }
            try await eventually("each that makes way is closed, with its outcome") {
                let counts = try series()
                return counts[Self.closed] == counts[Self.evictions] && counts["handshakes_waiting"] == 0
            }
            clients = []
            try await eventually("all are gone") { gateway.server.registry.openCount == 0 }
            let counts = try series()
            let others = counts.filter {
                $0.key.hasPrefix("evictions_total") && $0.key != Self.evictions && $0.value != 0
            }
            #expect(others.isEmpty, "\(others)")
            #expect(counts["handshakes_waiting"] == 0 && counts["handshakes_active"] == 0)
        }
    }
}
