import GatewayCore
import GatewayHardening
import GatewayTestSupport
import NIOCore
import PostgresGateway
import RouteMap
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What happens while a backend is dialled. Each test names the mutation of `scripts/mutants` that it is for.
@Suite struct DialTests {
    /// More than the kernel's buffers of one connection hold.
    private static let much = [UInt8](repeating: 0x70, count: 48 * 1_024 * 1_024)

    /// Mutation: route-after-dial.
    @Test("A route that ran out while its backend was dialled gets no session: not one byte reaches the backend")
    func routeIsLookedAtAgain() async throws {
        let time = ManualClock()
        let backend = try FullListener()
        try await TestGateway.runWithRouteFile(clock: time.clock, times: { $0.connect = .hours(1) }) { gateway in
            let route = Fixtures.route(TestGateway.hostname, port: backend.port)
            let confirmation = RouteMapConfirmation(confirmedAt: time.wall, validForSeconds: 300)
            try gateway.install([route], confirmation: confirmation)
            let client = try gateway.start()
            try await eventually("it is dialled") { gateway.server.registry.sessionCount == 1 }
            // Nobody tells the session; it has to look.
            time.advance(by: 301)
            let server = try backend.open()
            #expect(try server.receive().isEmpty)
            #expect(ReceivedError(try client.readToEnd())?.sqlState == "57P03")
        }
    }

    /// Mutation: connect-timeout.
    @Test("CONNECT_TIMEOUT is what ends a dial, and no default of NIO's")
    func connectTimeout() async throws {
        let backend = try FullListener()
        let routes = [Fixtures.route(TestGateway.hostname, port: backend.port)]
        let limit = TimeAmount.milliseconds(200)
        try await TestGateway.run(routes: routes, configure: { $0.connectTimeout = limit }) { gateway in
            let client = try gateway.start()
            #expect(ReceivedError(try client.readToEnd())?.sqlState == "57P03")
            let line = gateway.log.all.compactMap { LogLine($0) }.first { $0["message"] == "connection refused" }
            #expect(line?["error"] == DisplayName.escape(String(describing: ChannelError.connectTimeout(limit))))
        }
    }

    @Test("A dial that fails is counted once, by its reason")
    func reasons() async throws {
        let (full, closing) = (try FullListener(), try RawListener())
        let routes = [
            Fixtures.route("full.pg.shop.example.net", port: full.port),
            try Route.test("closing", at: closing),
            Fixtures.route("nobody.pg.shop.example.net", port: try await PostgresServer.freePort()),
        ]
        let configure: (inout GatewayConfiguration) -> Void = { $0.connectTimeout = .milliseconds(500) }
        try await TestGateway.run(routes: routes, configure: configure) { gateway in
            for name in ["full", "closing", "nobody"] {
                let client = try gateway.start(serverName: "\(name).pg.shop.example.net")
                // As a port forwarder in front of a stopped container does.
                if name == "closing" { _ = try closing.accept() }
                #expect(ReceivedError(try client.readToEnd())?.sqlState == "57P03")
            }
            let expected: [String: [DialFailure: Int]] = [
                Fixtures.target.id: [.timeout: 1, .refused: 1], "dbt_closing": [.reset: 1],
            ]
            #expect(gateway.server.metrics.targets.all.mapValues(\.dialFailures) == expected)
            #expect(gateway.server.metrics.outcomes[.refused(.backendUnavailable)] == 3)
            let metrics = AdminServices(of: gateway.server).metrics()
            let series = #"postgres_gateway_backend_dial_errors_total{reason="reset",target="dbt_closing"} 1"#
            #expect(metrics.contains("\n\(series)\n"))
        }
    }

    @Test(
        "Errors of a dial, as the kernel names them",
        arguments: [
            (ECONNREFUSED, .refused), (ETIMEDOUT, .timeout), (ECONNRESET, .reset), (EHOSTUNREACH, .noRoute),
            (EAFNOSUPPORT, .noRoute), (EADDRNOTAVAIL, .noLocalAddress), (EMFILE, .exhausted), (EPERM, .other),
        ] as [(CInt, DialFailure)]
    )
    func classification(code: CInt, reason: DialFailure) {
        #expect(DialFailure(IOError(errnoCode: code, reason: "connect")) == reason)
    }

    /// Mutation: held-read-while-dialling.
    @Test("A client that sends much while its backend is dialled is stopped, and fills no memory")
    func heldRead() async throws {
        let backend = try FullListener()
        let routes = [Fixtures.route(TestGateway.hostname, port: backend.port)]
        try await TestGateway.run(routes: routes, configure: { $0.connectTimeout = .hours(1) }) { gateway in
            let client = try gateway.start()
            try await eventually("it is dialled") { gateway.server.registry.sessionCount == 1 }
            let isStopped = try client.writeUntilFull(Self.much)
            #expect(isStopped)
            // It goes without waiting for anybody.
            client.resetWhenClosed()
        }
    }

    /// Mutation: read-after-refused-dial.
    @Test("What a refused client goes on to send is read, so that it comes to its answer")
    func readAfterRefusal() async throws {
        let backend = try FullListener()
        let times: (inout ConnectionTimes) -> Void = {
            $0.connect = .hours(1)
            $0.linger = .hours(1)
        }
        try await TestGateway.runWithRouteFile(times: times) { gateway in
            try gateway.install([Fixtures.route(TestGateway.hostname, port: backend.port)])
            // With TLS 1.2 the StartupMessage comes behind the handshake, so that the next read is one that is held.
            let client = try gateway.connectTLS(version: .tls12)
            try client.write(ByteBuffer.startup().bytes)
            try await eventually("it is dialled") { gateway.server.registry.sessionCount == 1 }
            try gateway.install([])
            try client.write(Self.much)
            #expect(ReceivedError(try client.readToEnd())?.sqlState == "57P03")
            try client.shutdown()
        }
    }
}
