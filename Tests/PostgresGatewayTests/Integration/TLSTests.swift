import GatewayCore
import GatewayHardening
import GatewayTestSupport
import NIOCore
import PostgresGateway
import PostgresWire
import TLSWire
import TestSupport
import Testing

/// The TLS part of a connection, against a second implementation of TLS.
@Suite struct TLSTests {
    /// Sends a StartupMessage and sees it arrive at the backend.
    private func expectRelay(_ tls: TLSConnection, to backend: RawListener) throws {
        try tls.write(ByteBuffer.startup().bytes)
        let server = try backend.accept()
        #expect(try server.receive() == ByteBuffer.startup().bytes)
        try server.send(Array("answer".utf8))
        #expect(try tls.read(count: 6) == Array("answer".utf8))
    }

    @Test("The ClientHello one byte at a time, and cut in the middle of the name")
    func clientHelloInPieces() async throws {
        let name = Array(TestGateway.hostname.utf8)
        let cuts: [([UInt8]) -> [[UInt8]]] = [
            { $0.map { [$0] } },
            { hello in
                // The last place, since random bytes before it could look alike.
                let start = hello.indices.last { hello[$0...].starts(with: name) } ?? 0
                return [Array(hello[..<(start + 5)]), Array(hello[(start + 5)...])]
            },
            { [Array($0.prefix(3)), Array($0.dropFirst(3))] },
            { hello in
                // Two TLS records instead of one: RFC 8446 section 5.1 allows it.
                let body = Array(hello.dropFirst(5))
                let parts = [Array(body.prefix(60)), Array(body.dropFirst(60))]
                return parts.map { Array(hello.prefix(3)) + [UInt8($0.count >> 8), UInt8($0.count & 255)] + $0 }
            },
        ]
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            for cut in cuts {
                for isDirect in [false, true] {
                    let raw = try gateway.connect()
                    if !isDirect {
                        try raw.send(ByteBuffer.sslRequest.bytes)
                        #expect(try raw.receive() == [UInt8(ascii: "S")])
                    }
                    let tls = try TLSConnection(raw, serverName: TestGateway.hostname, protocols: ["postgresql"])
                    try tls.handshake(cut: cut)
                    #expect(tls.applicationProtocol == "postgresql")
                    try expectRelay(tls, to: backend)
                }
            }
        }
    }

    @Test("Server names in any case and with a trailing dot find their route")
    func serverNameForms() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            for name in [TestGateway.hostname, TestGateway.hostname.uppercased(), TestGateway.hostname + "."] {
                try expectRelay(try gateway.connectTLS(serverName: name), to: backend)
            }
        }
    }

    @Test("Server names that no branch has are told with 3D000, escaped")
    func unknownServerNames() async throws {
        let long = String(repeating: "a.", count: 126) + "a"
        let names = [
            "other.pg.shop.example.net", "pg.shop.example.net", "x.dev.pg.shop.example.net", "10.0.0.1", "::1", long,
            long + "b", "d\u{e4}v.example",
        ]
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            for name in names {
                let tls = try gateway.connectTLS(serverName: name)
                try tls.write(ByteBuffer.startup().bytes)
                let error = try #require(ReceivedError(try tls.readToEnd()))
                #expect(error.sqlState == "3D000")
                #expect(error.message.contains(DisplayName.escape(name)), "\(error.message)")
            }
        }
        #expect(!backend.hasConnection)
    }

    @Test(
        "A resumed session with another server name is routed by the new name",
        arguments: [
            TLSConnection.Version.tls12, .tls13,
        ]
    )
    func resumption(version: TLSConnection.Version) async throws {
        let (dev, qa) = (try RawListener(), try RawListener())
        let routes = [
            Fixtures.route("dev.pg.shop.example.net", port: dev.port),
            Fixtures.route("qa.pg.shop.example.net", port: qa.port),
        ]
        try await TestGateway.run(routes: routes) { gateway in
            let first = try gateway.connectTLS(serverName: "dev.pg.shop.example.net", version: version)
            // TLS 1.3 sends its tickets after the handshake, so something has to be read first.
            try expectRelay(first, to: dev)
            let session = try #require(first.session)
            let same = try gateway.connectTLS(serverName: "dev.pg.shop.example.net", version: version, session: session)
            #expect(same.isResumed)
            try expectRelay(same, to: dev)
            let again = try #require(same.session)
            let second = try gateway.connectTLS(serverName: "qa.pg.shop.example.net", version: version, session: again)
            try expectRelay(second, to: qa)
            #expect(!dev.hasConnection)
            let third = try gateway.connectTLS(
                serverName: "nobody.pg.shop.example.net",
                version: version,
                session: again
            )
            try third.write(ByteBuffer.startup().bytes)
            #expect(ReceivedError(try third.readToEnd())?.sqlState == "3D000")
        }
    }

    @Test("Requests inside TLS are refused with 08P01", arguments: [ByteBuffer.sslRequest, .gssEncRequest])
    func nestedRequests(packet: ByteBuffer) async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let tls = try gateway.connectTLS()
            try tls.write(packet.bytes)
            #expect(ReceivedError(try tls.readToEnd())?.sqlState == "08P01")
        }
        #expect(!backend.hasConnection)
    }

    @Test("Malformed first packets and other major versions are told apart")
    func firstPackets() async throws {
        let cases: [([UInt8], String)] = [
            ([0, 0, 0, 7], "08P01"), ([0xff, 0xff, 0xff, 0xff], "08P01"), ([0, 0, 0, 8, 0, 3, 0, 0], "08P01"),
            ([0, 0, 0x27, 0x15, 0, 3, 0, 0], "08P01"),
            (ByteBuffer.startup(version: .init(major: 2, minor: 0)).bytes, "0A000"),
            (ByteBuffer.startup(version: .init(major: 4, minor: 0)).bytes, "0A000"),
        ]
        try await TestGateway.run(backend: RawListener()) { gateway in
            for (bytes, sqlState) in cases {
                let tls = try gateway.connectTLS()
                try tls.write(bytes)
                #expect(ReceivedError(try tls.readToEnd())?.sqlState == sqlState)
            }
        }
    }

    @Test("No server name is told with 08004, and a limit with 53300")
    func noServerNameAndLimit() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, configure: { $0.maxConnections = 1 }) { gateway in
            let nameless = try gateway.connectTLS(serverName: nil)
            try nameless.write(ByteBuffer.startup().bytes)
            let error = try #require(ReceivedError(try nameless.readToEnd()))
            #expect(error.sqlState == "08004")
            #expect(error.hint.contains("SNI"))
            try nameless.shutdown()
            try await eventually("the first is gone") { gateway.server.registry.openCount == 0 }

            let first = try gateway.connectTLS()
            try expectRelay(first, to: backend)
            let second = try gateway.connectTLS()
            try second.write(ByteBuffer.startup().bytes)
            #expect(ReceivedError(try second.readToEnd())?.sqlState == "53300")
            withExtendedLifetime(first) {}
        }
    }

    @Test("Direct TLS: works with ALPN, is refused inside TLS without, and with another protocol")
    func directTLS() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let tls = try TLSConnection(
                try gateway.connect(),
                serverName: TestGateway.hostname,
                protocols: ["postgresql"]
            )
            try tls.handshake()
            #expect(tls.applicationProtocol == "postgresql")
            try expectRelay(tls, to: backend)
            for protocols in [[], ["h2"]] {
                let other = try TLSConnection(
                    try gateway.connect(),
                    serverName: TestGateway.hostname,
                    protocols: protocols
                )
                try other.handshake()
                try other.write(ByteBuffer.startup().bytes)
                let error = try #require(ReceivedError(try other.readToEnd()))
                #expect(error.sqlState == "08P01")
                #expect(error.message.contains("ALPN"))
            }
        }
        #expect(!backend.hasConnection)
    }

    @Test("After SSLRequest the ALPN protocol is selected when offered and not missed when not")
    func classicALPN() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            for (offered, selected) in [
                (["postgresql"], "postgresql"), (["h2", "postgresql"], "postgresql"), (["h2"], nil), ([], nil),
            ] {
                let tls = try gateway.connectTLS(protocols: offered)
                #expect(tls.applicationProtocol == selected)
                try expectRelay(tls, to: backend)
            }
        }
    }

    @Test("Plaintext where a ClientHello should be gets an alert, not a relay")
    func noClientHello() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let raw = try gateway.connect()
            try raw.send(ByteBuffer.sslRequest.bytes)
            #expect(try raw.receive() == [UInt8(ascii: "S")])
            try raw.send(ByteBuffer.startup().bytes)
            let answer = try raw.receiveToEnd(toleratesReset: true)
            #expect(answer.isEmpty || answer.first == 21, "an alert record, or nothing")
            try await eventually("it is counted") {
                gateway.server.metrics.outcomes[.closed(.handshakeFailed)] == 1
            }
        }
        #expect(!backend.hasConnection)
    }
}
