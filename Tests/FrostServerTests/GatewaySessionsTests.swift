import Foundation
import GatewayContract
import NIOCore
import Testing

@testable import FrostServer

@Suite struct GatewaySessionsTests {
    @Test("Counts come from the gateway's document; anything else gives none")
    func counts() throws {
        let document = SessionsDocument(
            targets: [.init(id: "dbt_1", count: 3, sessions: []), .init(id: "dbt_2", count: 1, sessions: [])],
            startups: .init(count: 9, handshakesWaiting: 0),
            limits: [],
            certificates: [],
            hostnamesUncovered: .init(count: 0, first: [])
        )
        let body = ByteBuffer(bytes: try JSONEncoder().encode(document))
        #expect(GatewaySessions.counts(in: body) == ["dbt_1": 3, "dbt_2": 1])
        for other in ["", "{}", "postgres_gateway_connections_active{target=\"dbt_1\"} 3\n"] {
            #expect(GatewaySessions.counts(in: ByteBuffer(string: other)) == nil)
        }
    }
}
