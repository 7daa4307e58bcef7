import GatewayCore
import GatewayHardening
import GatewayTestSupport
import NIOCore
import PostgresGateway
import PostgresWire
import TestSupport
import Testing

/// CancelRequests in both forms, against a backend that the test plays.
@Suite struct CancelTests {
    /// A session whose backend has given out this key.
    private func session(
        _ gateway: TestGateway,
        _ backend: RawListener,
        processID: UInt32,
        secret: [UInt8]
    ) throws -> (client: TLSConnection, server: RawConnection) {
        let client = try gateway.connectTLS()
        try client.write(ByteBuffer.startup().bytes)
        let server = try backend.accept()
        _ = try server.receive()
        let key = try #require(CancelKey(processID: processID, secret: ByteBuffer(bytes: secret)))
        var answer = ByteBuffer()
        BackendKeyData.encode(key: key, into: &answer)
        answer.writeString("Z")
        answer.writeInteger(UInt32(5))
        answer.writeString("I")
        try server.send(answer.bytes)
        #expect(try client.read(count: answer.readableBytes) == answer.bytes)
        return (client, server)
    }

    @Test("In plaintext and inside TLS: forwarded untouched, closed when the backend closes", arguments: [4, 32, 256])
    func forwarded(secretLength: Int) async throws {
        let secret = (0..<secretLength).map { UInt8(truncatingIfNeeded: $0) }
        let request = ByteBuffer.cancelRequest(processID: 7, secret: secret).bytes
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let open = try session(gateway, backend, processID: 7, secret: secret)

            let raw = try gateway.connect()
            for byte in request { try raw.send([byte]) }
            var server: RawConnection? = try backend.accept()
            #expect(try server?.receive() == request)
            server = nil
            #expect(try raw.receiveToEnd().isEmpty)

            // With no name, and with a name that leads elsewhere: the key alone decides.
            for serverName in [nil, TestGateway.hostname, "nobody.pg.shop.example.net"] {
                let tls = try gateway.connectTLS(serverName: serverName)
                try tls.write(request)
                server = try backend.accept()
                #expect(try server?.receive() == request)
                server = nil
                #expect(try tls.readToEnd().isEmpty)
            }
            try await eventually("four are counted") { gateway.server.metrics.outcomes[.cancelForwarded] == 4 }
            withExtendedLifetime(open) {}
        }
    }

    @Test("A backend that takes the request and does not close: the client is let go, and it counts as failed")
    func silentBackend() async throws {
        let request = ByteBuffer.cancelRequest(processID: 7, secret: [1, 2, 3, 4]).bytes
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let open = try session(gateway, backend, processID: 7, secret: [1, 2, 3, 4])
            let raw = try gateway.connect()
            try raw.send(request)
            let server = try backend.accept()
            #expect(try server.receive() == request)
            #expect(try raw.receiveToEnd().isEmpty)
            #expect(gateway.server.metrics.outcomes[.cancelFailed] == 1)
            #expect(gateway.server.metrics.outcomes[.cancelForwarded] == 0)
            withExtendedLifetime((open, server)) {}
        }
    }

    @Test("A client that ends its output right behind the request is still served")
    func halfClosed() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let open = try session(gateway, backend, processID: 7, secret: [1, 2, 3, 4])
            let raw = try gateway.connect()
            try raw.send(ByteBuffer.cancelRequest(processID: 7).bytes)
            raw.shutdownOutput()
            var server: RawConnection? = try backend.accept()
            #expect(try server?.receive() == ByteBuffer.cancelRequest(processID: 7).bytes)
            server = nil
            #expect(try raw.receiveToEnd().isEmpty)
            withExtendedLifetime(open) {}
        }
    }

    @Test("An unknown key, a wrong secret, a key of a session that is over: closed without a byte")
    func unknown() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            var open: (client: TLSConnection, server: RawConnection)? = try session(
                gateway,
                backend,
                processID: 7,
                secret: [1, 2, 3, 4]
            )
            let requests = [
                ByteBuffer.cancelRequest(processID: 8), .cancelRequest(processID: 7, secret: [1, 2, 3, 5]),
                .cancelRequest(processID: 7, secret: [1, 2, 3, 4, 0]),
            ]
            for request in requests {
                let raw = try gateway.connect()
                try raw.send(request.bytes)
                #expect(try raw.receiveToEnd().isEmpty)
                let tls = try gateway.connectTLS()
                try tls.write(request.bytes)
                #expect(try tls.readToEnd().isEmpty)
            }
            open = nil
            try await eventually("the session is over") { gateway.server.cancelKeys.count == 0 }
            let raw = try gateway.connect()
            try raw.send(ByteBuffer.cancelRequest(processID: 7).bytes)
            #expect(try raw.receiveToEnd().isEmpty)
            #expect(gateway.server.metrics.outcomes[.cancelUnknown] == 7)
            _ = open
        }
        #expect(!backend.hasConnection)
    }

    @Test("A process id that two branches gave out leads to the branch whose secret it is")
    func collidingProcessIDs() async throws {
        let (dev, qa) = (try RawListener(), try RawListener())
        let routes = [
            Fixtures.route(TestGateway.hostname, port: dev.port),
            Fixtures.route("qa.pg.shop.example.net", port: qa.port),
        ]
        try await TestGateway.run(routes: routes) { gateway in
            let first = try session(gateway, dev, processID: 7, secret: [1, 1, 1, 1])
            let client = try gateway.connectTLS(serverName: "qa.pg.shop.example.net")
            try client.write(ByteBuffer.startup().bytes)
            let server = try qa.accept()
            _ = try server.receive()
            let key = try #require(CancelKey(processID: 7, secret: ByteBuffer(bytes: [2, 2, 2, 2])))
            var answer = ByteBuffer()
            BackendKeyData.encode(key: key, into: &answer)
            try server.send(answer.bytes)
            #expect(try client.read(count: answer.readableBytes) == answer.bytes)

            let raw = try gateway.connect()
            try raw.send(ByteBuffer.cancelRequest(processID: 7, secret: [2, 2, 2, 2]).bytes)
            #expect(try qa.accept().receive() == ByteBuffer.cancelRequest(processID: 7, secret: [2, 2, 2, 2]).bytes)
            #expect(!dev.hasConnection)
            withExtendedLifetime(first) {}
        }
    }
}
