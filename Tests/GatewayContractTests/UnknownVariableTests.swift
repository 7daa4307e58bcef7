import GatewayContract
import Testing

@Suite struct UnknownVariableTests {
    @Test(
        "What is near a setting is told with it",
        arguments: [
            ("MAX_CONECTIONS", .maxConnections), ("MAX_CONNECTION", .maxConnections), ("CERTFILE", .certFile),
            ("IDLE_TIME_OUT", .idleTimeout), ("LISTEN_ADDRESSES", .listenAddress), ("max_handshakes", .maxHandshakes),
            ("PROT", nil), ("ADMIN_PASSWORD", nil), ("", nil), ("X", nil), ("DEFAULT_ROUTE", nil),
        ] as [(String, GatewayVariable?)]
    )
    func suggestions(name: String, suggestion: GatewayVariable?) {
        let unknown = UnknownVariable.all(in: [GatewayVariable.prefix + name])
        #expect(unknown.map(\.name) == [GatewayVariable.prefix + name])
        #expect(unknown.map(\.suggestion) == [suggestion])
        #expect(unknown.first?.description.contains(suggestion?.environmentName ?? "no effect") == true)
    }

    @Test("Settings, and variables of others, are none")
    func known() {
        let names = GatewayVariable.allCases.map(\.environmentName)
        #expect(UnknownVariable.all(in: names + ["PATH", "FROST_DATA_DIR", "FROST_POSTGRES_GATEWAYS_X"]).isEmpty)
        #expect(UnknownVariable.all(in: [GatewayVariable.prefix + String(repeating: "A", count: 100_000)]).count == 1)
    }

    @Test("Several are in order of their names")
    func order() {
        let names = ["B", "A"].map { GatewayVariable.prefix + $0 }
        #expect(UnknownVariable.all(in: names).map(\.name) == names.reversed())
    }
}
