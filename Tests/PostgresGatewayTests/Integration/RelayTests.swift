import GatewayCore
import GatewayHardening
import GatewayTestSupport
import NIOCore
import PostgresGateway
import PostgresWire
import RouteMap
import TestSupport
import Testing

/// Both legs of a session, against a backend that the test plays.
@Suite struct RelayTests {
    /// A session whose StartupMessage has arrived.
    private func session(
        _ gateway: TestGateway,
        _ backend: RawListener,
        version: TLSConnection.Version? = nil
    ) throws -> (client: TLSConnection, server: RawConnection) {
        let client = try gateway.connectTLS(version: version)
        try client.write(ByteBuffer.startup().bytes)
        let server = try backend.accept()
        #expect(try server.receive() == ByteBuffer.startup().bytes)
        return (client, server)
    }

    private static func pattern(_ count: Int) -> [UInt8] {
        // A prime length, so that no buffer's size hides a piece that is lost or twice there.
        let block = (0..<65_521).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + block.count)
        while bytes.count < count { bytes += block }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    @Test("No record to the client carries more than 8,192 bytes", arguments: [TLSConnection.Version.tls12, .tls13])
    func recordSize(version: TLSConnection.Version) async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let (client, server) = try session(gateway, backend, version: version)
            // Sizes around the limit, and those at which clients were seen to hang.
            for size in [1, 8_191, 8_192, 8_193, 16_384, 81_830, 81_920, 300_000] {
                let sent = Self.pattern(size)
                // From another thread: both directions' buffers are smaller than the whole.
                async let written: Void = server.send(sent)
                #expect(try client.read(count: size) == sent)
                try await written
            }
            // AEAD adds at most 24 bytes in TLS 1.2, and 17 in TLS 1.3.
            let largest = try #require(client.recordLengths.max())
            #expect(largest <= 8_192 + 24)
            #expect(largest > 8_192, "full records are used")
        }
    }

    @Test("The backend's ErrorResponse reaches the client byte for byte")
    func backendError() async throws {
        var response = ByteBuffer()
        ErrorResponse(sqlState: .invalidAuthorization, message: "password authentication failed", hint: "x")
            .encode(into: &response)
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            var (client, server): (TLSConnection, RawConnection?) = try session(gateway, backend)
            try server?.send(response.bytes)
            server = nil
            #expect(try client.readToEnd() == response.bytes)
        }
    }

    @Test("A client that half-closes still gets its answer")
    func halfClose() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let (client, server) = try session(gateway, backend)
            try server.send(TestBackend.ready)
            #expect(try client.read(count: TestBackend.ready.count) == TestBackend.ready)
            try client.write(Array("last words".utf8))
            try client.shutdown()
            #expect(try server.receiveToEnd() == Array("last words".utf8))
            try server.send(Array("answer".utf8))
            server.shutdownOutput()
            #expect(try client.readToEnd() == Array("answer".utf8))
            try await eventually("the session is over and counted") {
                gateway.server.metrics.outcomes[.relayed] == 1 && gateway.server.registry.openCount == 0
            }
        }
    }

    @Test("All that a server sent before it closed arrives, however slow the client is")
    func serverClosesBehindResult() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let client = try gateway.connectTLS()
            try client.write(ByteBuffer.startup().bytes)
            // More than all buffers between them hold, so the server's end is seen long before the client's.
            let sent = Self.pattern(32_000_000)
            async let written: Void = Self.serve(backend, sent)
            #expect(try client.readToEnd() == sent)
            try await written
        }
    }

    /// Mutations: direct-write-overtakes, direct-write-loses-the-rest.
    @Test("All that a client sends arrives in order, however slow the server is")
    func slowServer() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let (client, server) = try session(gateway, backend)
            let sent = Self.pattern(24_000_000)
            async let written: Void = client.write(sent)
            var received: [UInt8] = []
            // Small reads, of sizes that no buffer has: the gateway's socket is full nearly all the time.
            while received.count < sent.count { received += try server.receive(atMost: 3_001 + received.count % 997) }
            #expect(received == sent)
            try await written
        }
    }

    private static func serve(_ backend: RawListener, _ bytes: [UInt8]) throws {
        let server = try backend.accept()
        _ = try server.receive()
        try server.send(bytes)
    }

    /// Mutation: full-leg-read.
    @Test("A client that does not read stops the server, not the gateway")
    func backpressure() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let (client, server) = try session(gateway, backend)
            let sent = Self.pattern(64 * 1_024 * 1_024)
            // What the kernel's buffers of both legs hold at the very most, and not what memory holds.
            let taken = try server.sendUntilFull(sent)
            #expect(taken < sent.count / 2)
            // Another session goes on meanwhile.
            let (other, otherServer) = try session(gateway, backend)
            for _ in 0..<100 {
                try otherServer.send(Array("ping".utf8))
                #expect(try other.read(count: 4) == Array("ping".utf8))
            }
            async let writing: Void = server.send(sent[taken...])
            #expect(try client.read(count: sent.count) == sent)
            try await writing
        }
    }

    @Test("A client that is reset while both directions are full leaves its server, and then nothing behind")
    func resetWhileFull() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            var (client, server): (TLSConnection?, RawConnection) = try session(gateway, backend)
            let bytes = Self.pattern(64 * 1_024 * 1_024)
            let taken = try server.sendUntilFull(bytes)
            #expect(try client?.writeUntilFull(bytes) == true)
            client?.resetWhenClosed()
            client = nil
            // The server gets what the client had sent, and then the reset that it would get without a gateway.
            #expect(taken < bytes.count)
            let received = try server.receiveToEnd(toleratesReset: true)
            #expect(!received.isEmpty)
            #expect(received == Array(bytes.prefix(received.count)))
            try await eventually("the session is over") {
                gateway.log.all.contains { $0.contains("session ended") } && gateway.server.registry.openCount == 0
            }
        }
    }

    @Test("A stop does not wait for a server that neither reads nor closes when its client is gone")
    func stopWhileFull() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, configure: { $0.drainTimeout = .milliseconds(200) }) { gateway in
            var (client, server): (TLSConnection?, RawConnection) = try session(gateway, backend)
            let bytes = Self.pattern(64 * 1_024 * 1_024)
            _ = try server.sendUntilFull(bytes)
            #expect(try client?.writeUntilFull(bytes) == true)
            client?.resetWhenClosed()
            client = nil
            try await gateway.stop()
            #expect(gateway.server.registry.openCount == 0)
            withExtendedLifetime(server) {}
        }
    }

    @Test("What a client sends behind its StartupMessage arrives in order")
    func earlyBytes() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let client = try gateway.connectTLS()
            let early = Self.pattern(50_000)
            try client.write(ByteBuffer.startup().bytes + early)
            let server = try backend.accept()
            var received: [UInt8] = []
            while received.count < early.count + ByteBuffer.startup().readableBytes { received += try server.receive() }
            #expect(received == ByteBuffer.startup().bytes + early)
        }
    }

    @Test("A backend that refuses, or accepts and closes without a byte, is told with 57P03")
    func unavailableBackend() async throws {
        let silent = try RawListener()
        let closedPort = try await PostgresServer.freePort()
        let routes = [
            Fixtures.route("dev.pg.shop.example.net", port: closedPort),
            Fixtures.route("qa.pg.shop.example.net", port: silent.port),
        ]
        try await TestGateway.run(routes: routes, stopped: [Fixtures.stopped("old.pg.shop.example.net")]) { gateway in
            for name in ["dev.pg.shop.example.net", "qa.pg.shop.example.net", "old.pg.shop.example.net"] {
                let client = try gateway.connectTLS(serverName: name)
                try client.write(ByteBuffer.startup().bytes)
                if name.hasPrefix("qa") { _ = try silent.accept().receive() }
                let error = try #require(ReceivedError(try client.readToEnd()))
                #expect(error.sqlState == "57P03")
                #expect(error.message.contains(name))
                #expect(!error.message.contains(String(closedPort)))
            }
            #expect(gateway.server.metrics.outcomes[.refused(.backendUnavailable)] == 2)
            #expect(gateway.server.metrics.outcomes[.refused(.branchStopped)] == 1)
        }
    }

    @Test("Log lines: start and end of a session, with its bytes and without its secrets")
    func logLines() async throws {
        let backend = try RawListener()
        let lines = try await TestGateway.run(backend: backend) { gateway in
            let client = try gateway.connectTLS()
            try client.write(ByteBuffer.startup([("user", "secret-user"), ("password", "secret-word")]).bytes)
            let server = try backend.accept()
            _ = try server.receive()
            try server.send(Array("12345".utf8))
            #expect(try client.read(count: 5).count == 5)
            try client.shutdown()
            #expect(try server.receiveToEnd().isEmpty)
            server.shutdownOutput()
            try await eventually("the end is logged") {
                gateway.log.all.contains { $0.contains("session ended") }
            }
            return gateway.log.all
        }
        #expect(!lines.contains { $0.contains("secret") })
        let end = try #require(lines.first { $0.contains("session ended") })
        for part in [
            #""bytes_out":5"#, #""hostname":"dev.pg.shop.example.net""#, #""target":"dbt_1""#,
            #""outcome":"relayed""#, #""reason":"client_closed""#, #""duration_ms":"#,
        ] { #expect(end.contains(part), "\(end)") }
        #expect(lines.count { $0.contains("session started") } == 1)
    }

    @Test("A stop refuses start-ups with 57P03, lets sessions end, and closes those that do not")
    func stop() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, configure: { $0.drainTimeout = .seconds(4) }) { gateway in
            let (client, server) = try session(gateway, backend)
            let late = try gateway.connectTLS()
            async let stopping: Void = gateway.stop()
            try await eventually("it is stopping") {
                gateway.log.all.contains { $0.contains("stopping") }
            }
            try late.write(ByteBuffer.startup().bytes)
            #expect(ReceivedError(try late.readToEnd())?.sqlState == "57P03")
            // Open until the drain timeout, then closed on both sides.
            #expect(try client.readToEnd().isEmpty)
            #expect(try server.receiveToEnd(toleratesReset: true).isEmpty)
            try await stopping
            #expect(gateway.server.registry.openCount == 0)
        }
    }
}
