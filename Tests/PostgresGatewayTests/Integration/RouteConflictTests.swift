import GatewayCore
import GatewayHardening
import PostgresGateway
import RouteMap
import TestSupport
import Testing

/// Routes of different branches to one address, with backends that the test plays.
@Suite struct RouteConflictTests {
    private static let message = "routes of different branches share an address; refusing connections to them"

    @Test("Neither is dialled: 57P03 for both, another branch is served, and nobody is named by its address")
    func refused() async throws {
        let (both, other) = (try RawListener(), try RawListener())
        let (a, b, c) = try (Route.test("a", at: both), Route.test("b", at: both), Route.test("c", at: other))
        try await TestGateway.runWithRouteFile { gateway in
            try gateway.install([a, b, c])
            for (route, name) in [(a, "shop/a"), (b, "shop/b")] {
                let error = try #require(try gateway.refusal(route.hostname.name))
                #expect(error.sqlState == "57P03")
                #expect(error.message.contains(name) && error.message.contains(route.hostname.name))
                #expect(!(error.message + error.hint).contains("\(both.port)"))
                #expect(error.hint.contains("route map"))
            }
            #expect(!both.hasConnection)
            _ = try gateway.session(c, other)
            #expect(gateway.server.metrics.outcomes[.refused(.addressConflict)] == 2)
        }
    }

    @Test("Three, of which one does not say that it shares: none is dialled; all say so: all are")
    func shared() async throws {
        let pooler = try RawListener()
        let routes = try ["a", "b", "c"].map { try Route.test($0, at: pooler, isShared: true) }
        try await TestGateway.runWithRouteFile { gateway in
            for missing in routes.indices {
                var some = routes
                some[missing].isSharedAddress = false
                try gateway.install(some)
                for route in routes { #expect(try gateway.refusal(route.hostname.name)?.sqlState == "57P03") }
                #expect(!pooler.hasConnection)
            }
            try gateway.install(routes)
            for route in routes { _ = try gateway.session(route, pooler) }
        }
    }

    @Test("Sessions of both end when their routes fall into a conflict, and nobody else's; later both are served again")
    func sessions() async throws {
        let (port, free, other) = (try RawListener(), try RawListener(), try RawListener())
        let old = try Route.test("old", at: port)
        let new = try Route.test("new", at: free)
        let bystander = try Route.test("bystander", at: other)
        try await TestGateway.runWithRouteFile { gateway in
            try gateway.install([old, new, bystander])
            let sessions = try [gateway.session(old, port), gateway.session(new, free)]
            let third = try gateway.session(bystander, other)
            // The port goes to the other branch, and the row of the first one stays.
            try gateway.install([old, Route.test("new", at: port), bystander])
            for session in sessions {
                #expect(try session.client.readToEnd().isEmpty)
                #expect(try session.server.receiveToEnd(toleratesReset: true).isEmpty)
            }
            try gateway.relays(third)
            try gateway.install([Route.test("new", at: port), bystander])
            _ = try gateway.session(Route.test("new", at: port), port)
            try gateway.relays(third)
            #expect(try gateway.refusal(old.hostname.name)?.sqlState == "3D000")
        }
    }

    @Test("Log and /readyz name both: the log once, until there is another conflict")
    func told() async throws {
        let (one, two) = (try RawListener(), try RawListener())
        let pair = try [Route.test("a", at: one), Route.test("b", at: one)]
        try await TestGateway.runWithRouteFile { gateway in
            try gateway.install(pair)
            try gateway.install(pair)
            try gateway.install(pair + [Route.test("z", at: two)])
            #expect(gateway.count(Self.message, level: "error") == 1)
            let line = try #require(gateway.log.all.compactMap { LogLine($0) }.first { $0["message"] == Self.message })
            #expect(line["hostnames"] == "a.pg.shop.example.net, b.pg.shop.example.net")
            #expect(line["address"] == "127.0.0.1:\(one.port)")

            let readiness = gateway.server.readiness()
            #expect(readiness.status == .ready, "the others are served")
            let warning = try #require(readiness.warnings.first)
            #expect(readiness.warnings.map(\.code) == [.addressConflict])
            #expect(warning.message.contains("a.pg.shop.example.net, b.pg.shop.example.net"))

            try gateway.install(pair + [Route.test("y", at: two), Route.test("z", at: two)])
            #expect(gateway.count(Self.message, level: "error") == 2)
            #expect(gateway.server.readiness().warnings.first?.message.hasPrefix("2 addresses are") == true)
            try gateway.install([pair[0]])
            #expect(gateway.server.readiness().warnings.isEmpty)
        }
    }

    @Test("Of many conflicts the first are named, and the others counted")
    func many() async throws {
        let routes = try (0..<30).flatMap { number in
            try ["a", "b"].map { name in
                Route(
                    hostname: try Hostname("\(name)\(number).example"),
                    host: "127.0.0.\(number + 1)",
                    hostPort: 10_000,
                    target: Target(id: "\(name)\(number)", name: name, database: "d", project: "p")
                )
            }
        }
        try await TestGateway.runWithRouteFile { gateway in
            try gateway.install(routes)
            let message = try #require(gateway.server.readiness().warnings.first?.message)
            #expect(message.hasPrefix("30 addresses are"))
            #expect(message.contains("a4.example, b4.example") && !message.contains("a5.example"))
            #expect(message.hasSuffix("and 25 more"))
            #expect(gateway.count(Self.message, level: "error") == 20)
            #expect(gateway.log.all.contains { LogLine($0)?["suppressed"] == "10" })
        }
    }
}
