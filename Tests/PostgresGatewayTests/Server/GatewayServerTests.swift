import GatewayCore
import GatewayHardening
import NIOCore
import NIOPosix
import PostgresGateway
import TestSupport
import Testing

@Suite struct GatewayServerTests {
    @Test("Both families side by side, each on a socket of its own")
    func bothFamilies() async throws {
        let configure: (inout GatewayConfiguration) -> Void = { $0.listenAddresses = ["0.0.0.0", "::"] }
        try await TestGateway.run(routes: [], configure: configure) { gateway in
            for host in ["127.0.0.1", "::1"] {
                let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .connect(host: host, port: gateway.port).get()
                try await channel.close()
            }
        }
    }

    @Test("A port that is in use is told with its variable, and nothing is left open")
    func portInUse() async throws {
        try await TestGateway.run(routes: []) { gateway in
            let second = gateway.another(port: gateway.port)
            let error = await #expect(throws: ListenError.self) { try await second.listen() }
            #expect(error?.kind == .portInUse)
            #expect(error?.description.contains("FROST_POSTGRES_GATEWAY_PORT (--port)") == true)
        }
    }

    @Test("An address the host does not have is told")
    func unavailable() async throws {
        try await TestGateway.run(routes: []) { gateway in
            let server = gateway.another(port: 0, listenAddress: "192.0.2.1")
            let error = await #expect(throws: ListenError.self) { try await server.listen() }
            #expect(error?.kind == .unavailable)
            #expect(error?.description.contains("FROST_POSTGRES_GATEWAY_LISTEN_ADDRESS") == true)
        }
    }

    @Test("What drains is not waited for when it is told to end at once")
    func stopWaiting() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, configure: { $0.drainTimeout = .hours(1) }) { gateway in
            let client = try gateway.connectTLS()
            try client.write(ByteBuffer.startup().bytes)
            let server = try backend.accept()
            // The session is relayed, and no longer dialled: the backend's first message arrives.
            let authenticationOk: [UInt8] = [UInt8(ascii: "R"), 0, 0, 0, 8, 0, 0, 0, 0]
            try server.send(authenticationOk)
            #expect(try client.read() == authenticationOk)
            let idle = try gateway.connect()
            try await eventually("it is accepted") { gateway.server.registry.startupCount == 1 }
            async let stopping: Void = gateway.stop()
            try await eventually("it is stopping") { gateway.log.all.contains { $0.contains("stopping") } }
            gateway.server.stopWaiting()
            try await stopping
            #expect(try idle.receiveToEnd(toleratesReset: true).isEmpty)
            #expect(gateway.server.registry.openCount == 0)
            // A start-up that the gateway cut off is not said to be the client's doing.
            #expect(gateway.server.metrics.outcomes[.closed(.gatewayClosed)] == 1)
            withExtendedLifetime(server) {}
        }
    }
}
