import Foundation
import GatewayContract
import Testing

@Suite struct SessionsDocumentTests {
    @Test("The document's names are a contract")
    func names() throws {
        let document = SessionsDocument(
            targets: [
                .init(
                    id: "dbt_1",
                    count: 1,
                    sessions: [
                        .init(
                            number: 7,
                            client: "192.0.2.1:5",
                            backendProcess: 42,
                            ageSeconds: 3,
                            bytesIn: 1,
                            bytesOut: 2
                        )
                    ]
                )
            ],
            startups: .init(count: 1, handshakesWaiting: 0),
            limits: [.init(variable: .maxConnectionsPerRoute, of: "dbt_1", used: 9, maximum: 10)],
            certificates: [
                .init(file: "/c", names: ["*.a"], notBefore: "2026-01-01T00:00:00Z", notAfter: "2027-01-01T00:00:00Z")
            ],
            hostnamesUncovered: .init(count: 1, first: ["b.c"]),
            refusals: [
                .init(
                    reason: "branch_stopped",
                    target: "dbt_1",
                    hostname: "b.c",
                    count: 2,
                    ageSeconds: 4,
                    hint: "Start it."
                )
            ]
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(document), as: UTF8.self)
        #expect(
            text == #"{"certificates":[{"file":"/c","names":["*.a"],"notAfter":"2027-01-01T00:00:00Z","#
                + #""notBefore":"2026-01-01T00:00:00Z"}],"hostnamesUncovered":{"count":1,"first":["b.c"]},"#
                + #""limits":[{"maximum":10,"of":"dbt_1","used":9,"#
                + #""variable":"FROST_POSTGRES_GATEWAY_MAX_CONNECTIONS_PER_ROUTE"}],"#
                + #""refusals":[{"ageSeconds":4,"count":2,"hint":"Start it.","hostname":"b.c","#
                + #""reason":"branch_stopped","target":"dbt_1"}],"#
                + #""startups":{"count":1,"handshakesWaiting":0},"targets":[{"count":1,"id":"dbt_1","sessions":["#
                + #"{"ageSeconds":3,"backendProcess":42,"bytesIn":1,"bytesOut":2,"client":"192.0.2.1:5","number":7}]}]}"#
        )
        #expect(try JSONDecoder().decode(SessionsDocument.self, from: Data(text.utf8)) == document)
    }
    @Test("A document of a gateway that had no refusals in it yet is read all the same")
    func olderGateway() throws {
        let text = #"""
            {"certificates":[],"hostnamesUncovered":{"count":0,"first":[]},"limits":[],
            "startups":{"count":0,"handshakesWaiting":0},"targets":[],"later":{"some":"thing"}}
            """#
        #expect(try JSONDecoder().decode(SessionsDocument.self, from: Data(text.utf8)).refusals.isEmpty)
    }
}
