import GatewayCore
import GatewayTestSupport
import NIOCore
import PostgresGateway
import PostgresWire
import RouteMap
import TestSupport
import Testing

/// How sessions end, and what each side hears of it.
@Suite struct EndsTests {
    @Test("A branch that is stopped says so itself: its 57P01 arrives, and then close_notify")
    func routeGone() async throws {
        let backend = try RawListener()
        try await TestGateway.runWithRouteFile { gateway in
            let route = try Route.test("dev", at: backend)
            try gateway.install([route])
            let session = try gateway.ready(backend)
            try gateway.install([])
            // Nobody new is let in from the first moment.
            #expect(try gateway.refusal(route.hostname.name)?.sqlState == "3D000")
            let last = TestBackend.fatal("57P01", "terminating connection due to administrator command")
            try session.server.send(last)
            session.server.shutdownOutput()
            #expect(try session.client.readToEnd() == last)
            #expect(session.client.hasCloseNotify)
        }
    }

    @Test("A branch that says nothing: close_notify after the grace time")
    func routeGoneSilently() async throws {
        let backend = try RawListener()
        try await TestGateway.runWithRouteFile(times: { $0.routeCloseGrace = .milliseconds(100) }) { gateway in
            try gateway.install([try Route.test("dev", at: backend)])
            let session = try gateway.ready(backend)
            try gateway.install([])
            #expect(try session.client.readToEnd().isEmpty)
            #expect(session.client.hasCloseNotify)
            #expect(try session.server.receiveToEnd().isEmpty)
        }
    }

    @Test("A route that comes back within the grace leaves its sessions alone")
    func routeReturns() async throws {
        let backend = try RawListener()
        try await TestGateway.runWithRouteFile(times: { $0.routeCloseGrace = .seconds(4) }) { gateway in
            let route = try Route.test("dev", at: backend)
            try gateway.install([route])
            let kept = try gateway.ready(backend)
            try gateway.install([])
            try gateway.install([route])
            // Another route that goes, and whose grace ends later, tells that the first one's time is over.
            let other = try RawListener()
            try gateway.install([route, try Route.test("qa", at: other)])
            let ended = try gateway.ready(other, serverName: "qa.pg.shop.example.net")
            try gateway.install([route])
            #expect(try ended.client.readToEnd().isEmpty)
            try gateway.relays(kept)
        }
    }

    @Test("A route that goes while its backend is dialled: 57P03")
    func routeGoneWhileDialling() async throws {
        let backend = try FullListener()
        try await TestGateway.runWithRouteFile(times: { $0.connect = .hours(1) }) { gateway in
            let route = Fixtures.route(TestGateway.hostname, port: backend.port)
            try gateway.install([route])
            let client = try gateway.start()
            try await eventually("it is dialled") { gateway.server.registry.sessionCount == 1 }
            try gateway.install([])
            let error = ReceivedError(try client.readToEnd())
            #expect(error?.sqlState == "57P03")
            #expect(client.hasCloseNotify)
        }
    }

    @Test("A backend that does not take the connection: 57P03 after CONNECT_TIMEOUT")
    func connectTimeout() async throws {
        let backend = try FullListener()
        let routes = [Fixtures.route(TestGateway.hostname, port: backend.port)]
        try await TestGateway.run(routes: routes, configure: { $0.connectTimeout = .milliseconds(200) }) { gateway in
            let client = try gateway.start()
            // What is sent meanwhile is not read, and no reason for a reset.
            try client.write([UInt8](repeating: 0x70, count: 100_000))
            #expect(ReceivedError(try client.readToEnd())?.sqlState == "57P03")
            #expect(client.hasCloseNotify)
        }
    }

    @Test("AUTHENTICATION_TIMEOUT: 57014 between two messages, and just the end within one", arguments: [true, false])
    func authenticationTimeout(isBetweenMessages: Bool) async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, configure: { $0.authenticationTimeout = .seconds(4) }) { gateway in
            let client = try gateway.start()
            let server = try backend.accept()
            let said = isBetweenMessages ? TestBackend.passwordRequest : Array(TestBackend.passwordRequest.prefix(6))
            try server.send(said)
            let heard = try client.readToEnd()
            #expect(Array(heard.prefix(said.count)) == said)
            let error = ReceivedError(Array(heard.dropFirst(said.count)))
            #expect(error?.sqlState == (isBetweenMessages ? "57014" : nil))
            #expect(client.hasCloseNotify)
        }
    }

    @Test("One that has authenticated stays, however long it waits for ReadyForQuery")
    func authenticatedInTime() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, configure: { $0.authenticationTimeout = .seconds(4) }) { gateway in
            let kept = try gateway.ready(backend)
            let slow = try gateway.start()
            let server = try backend.accept()
            #expect(ReceivedError(try slow.readToEnd())?.sqlState == "57014", "by now the first one's time is over")
            try gateway.relays(kept)
            withExtendedLifetime(server) {}
        }
    }

    @Test("IDLE_TIMEOUT: both legs end, with close_notify and without a text")
    func idleTimeout() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, configure: { $0.idleTimeout = .seconds(3) }) { gateway in
            let session = try gateway.ready(backend)
            #expect(try session.client.readToEnd().isEmpty)
            #expect(session.client.hasCloseNotify)
            #expect(try session.server.receiveToEnd().isEmpty)
            try await eventually("the log says why") {
                gateway.log.all.contains { LogLine($0)?["reason"] == "idle_timeout" && LogLine($0)?["error"] == nil }
            }
        }
    }

    @Test("A drain waits for no one who was refused, and ends its sessions with close_notify")
    func drain() async throws {
        let backend = try RawListener()
        try await TestGateway.run(
            routes: [Fixtures.route(TestGateway.hostname, port: backend.port)],
            times: { $0.linger = .seconds(3) },
            configure: { $0.drainTimeout = .milliseconds(300) }
        ) { gateway in
            let refused = try gateway.start(serverName: "x.example")
            #expect(ReceivedError(try refused.read())?.sqlState == "3D000")
            let session = try gateway.ready(backend)
            async let stopping: Void = gateway.stop()
            #expect(try session.client.readToEnd().isEmpty)
            #expect(session.client.hasCloseNotify)
            try session.client.shutdown()
            #expect(try session.server.receiveToEnd().isEmpty)
            try await stopping
            withExtendedLifetime(refused) {}
        }
    }

    @Test("A drain without sessions is over at once, whoever still lingers")
    func drainOfLingers() async throws {
        try await TestGateway.run(
            routes: [],
            times: { $0.linger = .hours(1) },
            configure: { $0.drainTimeout = .hours(1) }
        ) {
            gateway in
            let refused = try gateway.start(serverName: "x.example")
            #expect(ReceivedError(try refused.read())?.sqlState == "3D000")
            try await gateway.stop()
        }
    }

    @Test("A refused client that never closes is closed after the linger time")
    func linger() async throws {
        try await TestGateway.run(routes: [], times: { $0.linger = .milliseconds(100) }) { gateway in
            let raw = try gateway.connect()
            try raw.send(ByteBuffer.startup().bytes)
            #expect(ReceivedError(try raw.receive())?.sqlState == "28000")
            try await eventually("it is closed") { gateway.server.registry.openCount == 0 }
        }
    }

    @Test("A session whose server is gone is closed after the linger time, if its client is not")
    func sessionLinger() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, times: { $0.linger = .milliseconds(100) }) { gateway in
            let session = try gateway.ready(backend)
            session.server.shutdownOutput()
            try await eventually("it is closed") { gateway.server.registry.openCount == 0 }
            withExtendedLifetime(session) {}
        }
    }

    @Test("A hung server's session ends with its client, who said Terminate")
    func hungServer() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, times: { $0.linger = .milliseconds(100) }) { gateway in
            let session = try gateway.ready(backend)
            try session.client.write(TestBackend.terminate)
            try session.client.shutdown()
            try await eventually("it is over") { gateway.server.registry.openCount == 0 }
            withExtendedLifetime(session) {}
        }
    }

    @Test("After a reset the query can still be cancelled, until its server has ended")
    func cancelAfterReset() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            var session: (client: TLSConnection, server: RawConnection)? = try gateway.ready(backend)
            let server = try #require(session?.server)
            session?.client.resetWhenClosed()
            session = nil
            try await eventually("the session is over") { gateway.server.registry.sessionCount == 0 }
            // The server sees the end of its client, and goes on with the query.
            #expect(try server.receive().isEmpty)
            let cancel = try gateway.connect()
            try cancel.send(ByteBuffer.cancelRequest(processID: 7).bytes)
            let forwarded = try backend.accept()
            #expect(try forwarded.receive() == ByteBuffer.cancelRequest(processID: 7).bytes)
            #expect(gateway.server.cancelKeys.count == 1)
            server.shutdownOutput()
            try await eventually("the key is forgotten") { gateway.server.cancelKeys.count == 0 }
        }
    }

    @Test("A server that has ended gets no cancel any more, though its client has yet to close")
    func cancelAfterServerEnd() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, times: { $0.linger = .minutes(5) }) { gateway in
            let session = try gateway.ready(backend)
            #expect(gateway.server.cancelKeys.count == 1)
            session.server.shutdownOutput()
            try await eventually("the key is forgotten") { gateway.server.cancelKeys.count == 0 }
            #expect(gateway.server.registry.openCount == 1)
            withExtendedLifetime(session) {}
        }
    }

    @Test("A TLS error after the handshake: the client gets the alert that says which")
    func alert() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let session = try gateway.ready(backend)
            // A record that nobody has encrypted.
            try session.client.sendRaw([23, 3, 3, 0, 32] + [UInt8](repeating: 7, count: 32))
            let error = #expect(throws: TLSConnection.Failure.self) { try session.client.readToEnd() }
            #expect(error?.description.contains("alert") == true, "\(error?.description ?? "")")
        }
    }

    @Test("An orderly end is logged without an error")
    func orderlyEnd() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let session = try gateway.ready(backend)
            try session.client.write(TestBackend.terminate)
            try session.client.shutdown()
            // The server ends because its client has, and not at the same moment.
            _ = try session.server.receiveToEnd()
            session.server.shutdownOutput()
            #expect(try session.client.readToEnd().isEmpty)
            try await eventually("it is logged") {
                gateway.log.all.contains { LogLine($0)?["message"] == "session ended" }
            }
            let line = gateway.log.all.compactMap { LogLine($0) }.last { $0["message"] == "session ended" }
            #expect(line?["error"] == nil)
            #expect(line?["reason"] == "client_closed")
        }
    }
}
