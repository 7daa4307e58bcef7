import Testing

@testable import PostgresGateway

@Suite struct AdminHostsTests {
    private func hosts(_ address: String, machineName: String = "gw1.example.net") throws -> AdminHosts {
        AdminHosts(listeningOn: try #require(AdminAddress(address)), machineName: machineName)
    }

    @Test(
        "On loopback: loopback names and addresses, with and without a port",
        arguments: ["127.0.0.1:1", "[::1]:1", "127.8.0.1:1"]
    )
    func loopback(address: String) throws {
        let hosts = try hosts(address)
        for host in ["localhost", "LOCALHOST:80", "localhost.", "127.0.0.1", "127.255.1.2:9432", "[::1]", "[::1]:9432"]
        {
            #expect(hosts.allows(host), "\(host)")
        }
        for host in [
            "", ":80", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "128.0.0.1", "[::2]:80",
            "gw1",
            "gw1.example.net", "localhost:80:80", "localhost:x", "[::1", "[::1]x", "127.0.0.1@evil.example", "0.0.0.0",
        ] {
            #expect(!hosts.allows(host), "\(host)")
        }
    }

    @Test("On other addresses: any address, and the names of this machine")
    func others() throws {
        let hosts = try hosts("0.0.0.0:1")
        for host in ["192.0.2.1", "[2001:db8::1]:9432", "localhost", "GW1.example.net:9432", "gw1"] {
            #expect(hosts.allows(host), "\(host)")
        }
        for host in ["evil.example", "gw1.evil.example", "gw12", ""] { #expect(!hosts.allows(host), "\(host)") }
        // A machine that does not know its domain answers to its name in any.
        #expect(try self.hosts("0.0.0.0:1", machineName: "gw1").allows("gw1.example.net"))
        #expect(try !self.hosts("0.0.0.0:1", machineName: "").allows("evil.example"))
    }
}
