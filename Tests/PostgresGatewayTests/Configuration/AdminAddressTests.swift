import GatewayCore
import PostgresGateway
import Testing

@Suite struct AdminAddressTests {
    @Test(
        "An IP literal and a port",
        arguments: [
            ("127.0.0.1:9432", "127.0.0.1", 9_432), ("[::1]:0", "::1", 0), ("0.0.0.0:65535", "0.0.0.0", 65_535),
        ]
    )
    func good(text: String, host: String, port: Int) {
        let address = AdminAddress(text)
        #expect(address?.host == host)
        #expect(address?.port == port)
        #expect(address?.description == text)
    }

    @Test(
        "Anything else is none",
        arguments: [
            "", ":", ":9432", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "::1:9432",
            "[::1]",
            "localhost:9432", "127.0.0.1:9432:1", "[127.0.0.1:1", "127.0.0.1:٣", "off",
        ]
    )
    func bad(text: String) {
        #expect(AdminAddress(text) == nil)
    }
}
