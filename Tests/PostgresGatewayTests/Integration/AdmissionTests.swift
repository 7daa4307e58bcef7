import GatewayCore
import GatewayHardening
import GatewayTestSupport
import NIOCore
import PostgresGateway
import PostgresWire
import RouteMap
import TestSupport
import Testing

/// Strangers at the port, and a client who behaves. No deadline helps: they are an hour away.
@Suite struct AdmissionTests {
    private static func patient(_ configuration: inout GatewayConfiguration) {
        configuration.handshakeTimeout = .hours(1)
        configuration.authenticationTimeout = .hours(1)
        configuration.connectTimeout = .seconds(10)
    }

    @Test("Silent sockets, ten times as many as there are places: a client is let in", arguments: [UInt8(1), 9])
    func silentSockets(source: UInt8) async throws {
        let backend = try RawListener()
        let configure: (inout GatewayConfiguration) -> Void = {
            Self.patient(&$0)
            $0.maxStartups = 30
            $0.maxStartupsPerAddress = 30
        }
        try await TestGateway.run(backend: backend, configure: configure) { gateway in
            let silent = try (0..<300).map { _ in try gateway.connect() }
            let session = try gateway.ready(backend, from: source)
            #expect(gateway.server.registry.startupCount <= 30)
            try gateway.relays(session)
            withExtendedLifetime(silent) {}
        }
    }

    @Test("Silent sockets that keep coming: every client of a dozen is let in")
    func silentStream() async throws {
        let backend = try RawListener()
        let configure: (inout GatewayConfiguration) -> Void = {
            Self.patient(&$0)
            $0.maxStartups = 50
            $0.maxStartupsPerAddress = 50
        }
        try await TestGateway.run(backend: backend, configure: configure) { gateway in
            var silent: [RawConnection] = []
            for _ in 0..<12 {
                silent += try (0..<50).map { _ in try gateway.connect() }
                try gateway.relays(try gateway.ready(backend))
            }
            withExtendedLifetime(silent) {}
        }
    }

    @Test("Sockets that stop behind their ClientHello, or behind the handshake, are as harmless")
    func stopsLater() async throws {
        let backend = try RawListener()
        let configure: (inout GatewayConfiguration) -> Void = {
            Self.patient(&$0)
            $0.maxStartups = 40
            $0.maxStartupsPerAddress = 40
        }
        try await TestGateway.run(backend: backend, configure: configure) { gateway in
            var stopped: [Any] = []
            for _ in 0..<150 {
                let raw = try gateway.connect()
                try raw.send(ByteBuffer.sslRequest.bytes)
                _ = try raw.receive()
                try raw.send(ClientHelloBytes.make(serverName: TestGateway.hostname).bytes)
                stopped.append(raw)
            }
            for _ in 0..<150 { stopped.append(try gateway.connectTLS()) }
            try gateway.relays(try gateway.ready(backend))
            #expect(gateway.server.registry.startupCount <= 40)
            withExtendedLifetime(stopped) {}
        }
    }

    @Test("Sessions that never authenticate make way for others, and hear why")
    func unauthenticated() async throws {
        let backend = try RawListener()
        let configure: (inout GatewayConfiguration) -> Void = {
            Self.patient(&$0)
            $0.maxUnauthenticatedPerRoute = 20
            $0.maxUnauthenticatedPerAddress = 15
        }
        try await TestGateway.run(backend: backend, configure: configure) { gateway in
            var silent: [(TLSConnection, RawConnection)] = []
            // Fifteen of one address and five of another: the branch has no place left.
            for index in 0..<20 {
                let client = try gateway.start(from: index < 15 ? 2 : 3)
                silent.append((client, try backend.accept()))
            }
            let session = try gateway.ready(backend, from: 9)
            try gateway.relays(session)
            let first = try #require(silent.first)
            let error = try #require(ReceivedError(try first.0.readToEnd()), "the oldest of who has most")
            #expect(error.sqlState == "53300")
            #expect(error.detail.contains("shop/dev"))
            #expect(first.0.hasCloseNotify)
            #expect(gateway.server.metrics.evictions[.unauthenticatedPerRoute] == 1)
        }
    }

    @Test("Logins of one address wait for each other, in order, and not for ever")
    func unauthenticatedPerAddress() async throws {
        let backend = try RawListener()
        let configure: (inout GatewayConfiguration) -> Void = {
            Self.patient(&$0)
            $0.connectTimeout = .seconds(8)
            $0.maxUnauthenticatedPerAddress = 2
        }
        try await TestGateway.run(backend: backend, configure: configure) { gateway in
            let slow = try (0..<2).map { _ in (try gateway.start(), try backend.accept()) }
            let third = try gateway.start()
            try await eventually("it is admitted as a session") { gateway.server.registry.sessionCount == 3 }
            // Another address waits for nobody.
            try gateway.relays(try gateway.ready(backend, from: 9))
            #expect(!third.hasPendingInput)
            try slow[0].1.send(TestBackend.ready)
            let server = try backend.accept()
            try server.send(TestBackend.ready)
            #expect(try third.read(count: TestBackend.ready.count) == TestBackend.ready)
            // Both places are free; two take them, and a third hears that it waited in vain.
            let more = try (0..<1).map { _ in (try gateway.start(), try backend.accept()) }
            let error = ReceivedError(try gateway.start().readToEnd())
            #expect(error?.sqlState == "53300")
            #expect(error?.detail.contains("Your address") == true)
            withExtendedLifetime((slow, more)) {}
        }
    }

    @Test("Refused clients that do not close hold no place of a session")
    func refusedClients() async throws {
        let backend = try RawListener()
        let configure: (inout GatewayConfiguration) -> Void = {
            Self.patient(&$0)
            $0.maxConnections = 10
        }
        try await TestGateway.run(
            routes: [Fixtures.route(TestGateway.hostname, port: backend.port)],
            times: { $0.linger = .hours(1) },
            configure: configure
        ) { gateway in
            let refused = try (0..<30).map { index in
                let raw = try gateway.connect()
                try raw.send(ByteBuffer.startup().bytes)
                #expect(ReceivedError(try raw.receive())?.sqlState == "28000")
                return raw
            }
            try gateway.relays(try gateway.ready(backend))
            withExtendedLifetime(refused) {}
        }
    }

    @Test("Impatient clients of a hung branch take nothing from the others")
    func impatientClients() async throws {
        let (hung, backend) = (try RawListener(), try RawListener())
        let routes = [try Route.test("hung", at: hung), try Route.test("dev", at: backend)]
        let configure: (inout GatewayConfiguration) -> Void = {
            Self.patient(&$0)
            $0.maxConnections = 10
        }
        try await TestGateway.run(routes: routes, times: { $0.linger = .hours(1) }, configure: configure) { gateway in
            var servers: [RawConnection] = []
            for _ in 0..<12 {
                let client = try gateway.start(serverName: "hung.pg.shop.example.net")
                servers.append(try hung.accept())
                try client.shutdown()
                #expect(try client.readToEnd().isEmpty)
            }
            try gateway.relays(try gateway.ready(backend))
            withExtendedLifetime(servers) {}
        }
    }

    @Test("A rush of 200 at a limit of 50 lets in exactly 50")
    func rush() async throws {
        let backend = try RawListener()
        let configure: (inout GatewayConfiguration) -> Void = {
            Self.patient(&$0)
            $0.maxConnections = 50
            $0.maxUnauthenticatedPerAddress = 1_000
            $0.maxUnauthenticatedPerRoute = 1_000
        }
        try await TestGateway.run(backend: backend, configure: configure) { gateway in
            let clients = try (0..<200).map { _ in try gateway.connectTLS() }
            for client in clients { try client.write(ByteBuffer.startup().bytes) }
            let servers = try (0..<50).map { _ in try backend.accept() }
            try await eventually("the others are refused") {
                gateway.server.metrics.outcomes[.refused(.tooManyConnections)] == 150
            }
            #expect(!backend.hasConnection)
            #expect(gateway.server.registry.sessionCount == 50)
            #expect(gateway.server.metrics.limitRejections[.connections] == 150)
            withExtendedLifetime((clients, servers)) {}
        }
    }

    @Test("A client that is alone is let in, whoever was there before")
    func staleLimit() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, configure: { $0.maxConnections = 1 }) { gateway in
            var first: (TLSConnection, RawConnection)? = try gateway.ready(backend)
            let second = try gateway.connectTLS()
            first = nil
            try await eventually("the first is over") { gateway.server.registry.sessionCount == 0 }
            try second.write(ByteBuffer.startup().bytes)
            _ = try backend.accept()
            withExtendedLifetime(first) {}
        }
    }

    @Test("Limits of a branch, of an address, and of a route's own")
    func perRouteAndAddress() async throws {
        let (one, two) = (try RawListener(), try RawListener())
        var own = try Route.test("own", at: one)
        own.maxConnections = 1
        let routes = [own, try Route.test("dev", at: two)]
        let configure: (inout GatewayConfiguration) -> Void = {
            $0.maxConnectionsPerRoute = 3
            $0.maxConnectionsPerAddress = 2
        }
        try await TestGateway.run(routes: routes, configure: configure) { gateway in
            let first = try gateway.ready(one, serverName: "own.pg.shop.example.net")
            var error = ReceivedError(try gateway.start(serverName: "own.pg.shop.example.net", from: 2).readToEnd())
            #expect(error?.sqlState == "53300" && error?.detail.contains("shop/own") == true)
            let second = try gateway.ready(two)
            error = ReceivedError(try gateway.start().readToEnd())
            #expect(error?.sqlState == "53300" && error?.detail.contains("Your address") == true)
            let more = try (2...3).map { try gateway.ready(two, from: $0) }
            error = ReceivedError(try gateway.start(from: 4).readToEnd())
            #expect(error?.sqlState == "53300" && error?.detail.contains("shop/dev") == true)
            withExtendedLifetime((first, second, more)) {}
        }
    }

    @Test("Too many failed logins from one address to one branch: refused there, and nowhere else")
    func failedLogins() async throws {
        let (one, two) = (try RawListener(), try RawListener())
        let routes = [try Route.test("dev", at: one), try Route.test("qa", at: two)]
        try await TestGateway.run(routes: routes, configure: { $0.maxAuthenticationFailures = 3 }) { gateway in
            for code in ["28P01", "28000", "28P01"] {
                let client = try gateway.start()
                let server = try one.accept()
                _ = try server.receive()
                try server.send(TestBackend.fatal(code))
                server.shutdownOutput()
                #expect(ReceivedError(try client.readToEnd())?.sqlState == code)
            }
            let error = ReceivedError(try gateway.start().readToEnd())
            #expect(error?.sqlState == "28000")
            #expect(error?.message == "too many failed logins")
            #expect(!one.hasConnection)
            try gateway.relays(try gateway.ready(one, from: 2))
            try gateway.relays(try gateway.ready(two, serverName: "qa.pg.shop.example.net"))
            #expect(gateway.server.metrics.targets.all["dbt_dev"]?.authenticationFailures == 3)
        }
    }

    @Test("Whatever comes, all permits are back when all are gone")
    func nothingIsLeft() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, times: { $0.linger = .milliseconds(50) }) { gateway in
            for round in 0..<60 {
                let raw = try gateway.connect()
                guard round % 6 > 0 else { continue }
                try raw.send(ByteBuffer.sslRequest.bytes)
                _ = try raw.receive()
                guard round % 6 > 1 else { continue }
                let hello = ClientHelloBytes.make(serverName: TestGateway.hostname).bytes
                try raw.send(round % 6 == 2 ? Array(hello.prefix(20)) : hello)
                guard round % 6 > 3 else { continue }
                let client = try gateway.start(serverName: round % 6 == 4 ? "x.example" : TestGateway.hostname)
                if round % 6 == 5 { _ = try backend.accept() }
                if round % 12 == 5 { client.resetWhenClosed() }
            }
            try await eventually("nothing is held") { gateway.server.registry.isEmpty }
            #expect(gateway.server.cancelKeys.count == 0)
        }
    }
}
