import GatewayCore
import GatewayHardening
import GatewayTestSupport
import NIOCore
import PostgresGateway
import PostgresWire
import TestSupport
import Testing

/// The plaintext part of a connection, byte by byte on real sockets.
@Suite struct PrefaceTests {
    @Test("S is alone in its segment, and nothing follows until the client speaks TLS")
    func answerIsAlone() async throws {
        try await TestGateway.run(backend: RawListener()) { gateway in
            let raw = try gateway.connect()
            for byte in ByteBuffer.sslRequest.bytes { try raw.send([byte]) }
            #expect(try raw.receive() == [UInt8(ascii: "S")])
            raw.shutdownOutput()
            #expect(try raw.receiveToEnd().isEmpty)
        }
    }

    @Test("CVE-2021-23214: bytes behind SSLRequest are refused and the backend sees nothing")
    func bytesBehindSSLRequest() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            for behind in [
                ByteBuffer.startup().bytes, ClientHelloBytes.make(serverName: TestGateway.hostname).bytes, [0],
            ] {
                let raw = try gateway.connect()
                try raw.send(ByteBuffer.sslRequest.bytes + behind)
                #expect(try raw.receiveToEnd(toleratesReset: true).isEmpty)
            }
            let outcome = ConnectionOutcome.closed(.bytesBehindRequest)
            try await eventually("three are counted") { gateway.server.metrics.outcomes[outcome] == 3 }
        }
        #expect(!backend.hasConnection)
    }

    @Test("GSSENCRequest is declined once, then SSLRequest works; a second one ends the connection")
    func gssEncRequest() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let raw = try gateway.connect()
            try raw.send(ByteBuffer.gssEncRequest.bytes)
            #expect(try raw.receive() == [UInt8(ascii: "N")])
            try raw.send(ByteBuffer.sslRequest.bytes)
            #expect(try raw.receive() == [UInt8(ascii: "S")])
            let tls = try TLSConnection(raw, serverName: TestGateway.hostname)
            try tls.handshake()

            let twice = try gateway.connect()
            try twice.send(ByteBuffer.gssEncRequest.bytes)
            #expect(try twice.receive() == [UInt8(ascii: "N")])
            try twice.send(ByteBuffer.gssEncRequest.bytes)
            #expect(try twice.receiveToEnd(toleratesReset: true).isEmpty)
            try await eventually("it is counted") {
                gateway.server.metrics.outcomes[.closed(.repeatedGSSENCRequest)] == 1
            }
        }
        #expect(!backend.hasConnection)
    }

    @Test("A plaintext StartupMessage gets its ErrorResponse, and the close is no reset")
    func plaintextStartup() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            for packet in [
                ByteBuffer.startup(), .startup(version: .v3_2), .startup(version: .init(major: 2, minor: 0)),
            ] {
                let raw = try gateway.connect()
                try raw.send(packet.bytes)
                let error = try #require(ReceivedError(try raw.receiveToEnd()))
                #expect(error.sqlState == "28000")
                #expect(error.message == "TLS is required for this connection")
                #expect(error.hint.contains("sslmode=require"))
            }
            // What the client has sent behind it does not turn the answer into a reset.
            let raw = try gateway.connect()
            try raw.send(ByteBuffer.startup().bytes + [UInt8](repeating: 0, count: 100_000))
            raw.shutdownOutput()
            #expect(ReceivedError(try raw.receiveToEnd())?.sqlState == "28000")
        }
        #expect(!backend.hasConnection)
    }

    @Test("Other protocols and lengths out of bounds are closed without a byte")
    func otherProtocols() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let lengths: [UInt32] = [0, 7, 10_005, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]
            let starts = lengths.map { ByteBuffer(integer: $0).bytes } + [Array("GET / HTTP/1.1\r\n\r\n".utf8)]
            for bytes in starts {
                let raw = try gateway.connect()
                try raw.send(bytes)
                #expect(try raw.receiveToEnd(toleratesReset: true).isEmpty)
            }
            try await eventually("all are counted") {
                gateway.server.metrics.outcomes[.closed(.unknownProtocol)] == starts.count
            }
        }
        #expect(!backend.hasConnection)
    }

    @Test("A port probe is no error: counted apart, logged at debug")
    func probe() async throws {
        try await TestGateway.run(backend: RawListener()) { gateway in
            let raw = try gateway.connect()
            raw.shutdownOutput()
            #expect(try raw.receiveToEnd().isEmpty)
            try await eventually("it is counted") { gateway.server.metrics.outcomes[.closed(.probe)] == 1 }
            let lines = gateway.log.all.filter { $0.contains("probe") }
            #expect(lines.count == 1)
            #expect(lines.allSatisfy { $0.contains(#""level":"debug""#) })
        }
    }

    /// Waited for, and long enough for a handshake on a busy machine.
    private static func shortDeadline(_ configuration: inout GatewayConfiguration) {
        configuration.handshakeTimeout = .seconds(4)
    }

    @Test("The handshake deadline ends silent, slow and half-open clients, in every phase")
    func handshakeDeadline() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, configure: Self.shortDeadline) { gateway in
            let tls = try gateway.connectTLS()
            try tls.write(ByteBuffer.startup().bytes.dropLast())
            let half = try gateway.connect()
            try half.send(ByteBuffer.sslRequest.bytes)
            let silent = try gateway.connect()
            #expect(try tls.readToEnd().isEmpty)
            #expect(try half.receiveToEnd() == [UInt8(ascii: "S")])
            #expect(try silent.receiveToEnd().isEmpty)
            try await eventually("three are counted") {
                gateway.server.metrics.outcomes[.closed(.handshakeTimeout)] == 3
            }
            #expect(gateway.server.registry.startupCount == 0)
        }
        #expect(!backend.hasConnection)
    }

    @Test("The handshake deadline is disarmed: a session lives on long after it")
    func deadlineIsDisarmed() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, configure: Self.shortDeadline) { gateway in
            let tls = try gateway.connectTLS()
            try tls.write(ByteBuffer.startup().bytes)
            let server = try backend.accept()
            #expect(try server.receive() == ByteBuffer.startup().bytes)
            // A second client runs into the deadline; by then that of the first is over as well.
            let silent = try gateway.connect()
            #expect(try silent.receiveToEnd().isEmpty)
            try server.send(Array("still there".utf8))
            #expect(try tls.read(count: 11) == Array("still there".utf8))
        }
    }
}
