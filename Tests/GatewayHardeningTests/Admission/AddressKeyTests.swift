import GatewayHardening
import NIOCore
import Testing

@Suite struct AddressKeyTests {
    private func key(_ ip: String) throws -> AddressKey {
        AddressKey(try SocketAddress(ipAddress: ip, port: 1))
    }

    @Test("IPv4 counts by address, mapped or not")
    func ipv4() throws {
        #expect(try key("192.0.2.1") == key("192.0.2.1"))
        #expect(try key("192.0.2.1") != key("192.0.2.2"))
        #expect(try key("192.0.2.1") == key("::ffff:192.0.2.1"))
    }

    @Test("IPv6 counts by /64")
    func ipv6() throws {
        #expect(try key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff:ffff:ffff:ffff"))
        #expect(try key("2001:db8:1:2::1") != key("2001:db8:1:3::1"))
        // The same four bytes, of two families.
        #expect(try key("0.0.0.1") != key("0:0:0:1::"))
    }

    @Test("An address that nobody knows is one of its own")
    func unknown() throws {
        #expect(AddressKey(nil) == AddressKey(nil))
    }
}
