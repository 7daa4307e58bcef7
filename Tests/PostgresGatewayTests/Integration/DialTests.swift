import GatewayCore
import GatewayTestSupport
import NIOCore
import PostgresGateway
import RouteMap
import TestSupport
import Testing

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
            try await gateway.eventually("it is dialled") { gateway.server.registry.sessionCount == 1 }
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

    /// Mutation: held-read-while-dialling.
    @Test("A client that sends much while its backend is dialled is stopped, and fills no memory")
    func heldRead() async throws {
        let backend = try FullListener()
        let routes = [Fixtures.route(TestGateway.hostname, port: backend.port)]
        try await TestGateway.run(routes: routes, configure: { $0.connectTimeout = .hours(1) }) { gateway in
            let client = try gateway.start()
            try await gateway.eventually("it is dialled") { gateway.server.registry.sessionCount == 1 }
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
            let client = try gateway.start()
            try await gateway.eventually("it is dialled") { gateway.server.registry.sessionCount == 1 }
            try gateway.install([])
            try client.write(Self.much)
            #expect(ReceivedError(try client.readToEnd())?.sqlState == "57P03")
            try client.shutdown()
        }
    }
}
