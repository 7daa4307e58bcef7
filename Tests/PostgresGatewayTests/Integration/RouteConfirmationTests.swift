import Foundation
import GatewayContract
import GatewayCore
import GatewayHardening
import PostgresGateway
import RouteMap
import TestSupport
import Testing

/// A route map whose writer answers for it, at a time that the test says.
@Suite struct RouteConfirmationTests {
    private func confirmation(_ time: Date, for seconds: Int = 300) -> RouteMapConfirmation {
        RouteMapConfirmation(confirmedAt: time, validForSeconds: seconds)
    }

    @Test("When the span is over new connections get 57P03, and sessions stay; one confirmation brings them back")
    func expiry() async throws {
        let time = ManualClock()
        let backend = try RawListener()
        let main = try Route.test("main", at: backend)
        try await TestGateway.runWithRouteFile(clock: time.clock) { gateway in
            try gateway.install([main], confirmation: confirmation(time.wall))
            time.advance(by: 299)
            let session = try gateway.session(main, backend)
            gateway.server.routeLoader.reload(isForced: false)
            #expect(gateway.server.readiness().status == .ready)

            time.advance(by: 1)
            gateway.server.routeLoader.reload(isForced: false)
            gateway.server.routeLoader.reload(isForced: false)
            for hostname in [main.hostname.name, "nobody.pg.shop.example.net"] {
                let error = try #require(try gateway.refusal(hostname))
                #expect(error.sqlState == "57P03")
                #expect(error.message == "the route map is no longer confirmed")
                #expect(error.hint.contains("frost sync"))
            }
            #expect(!backend.hasConnection)
            #expect(gateway.server.metrics.outcomes[.refused(.routeMapUnconfirmed)] == 2)
            let readiness = gateway.server.readiness()
            #expect(readiness.status == .notReady)
            #expect(readiness.reasons.map(\.code) == [.routeMapUnconfirmed])
            #expect(readiness.reasons.first?.message.contains("for 300 s") == true)
            #expect(
                gateway.count("route map no longer confirmed; refusing new connections until it is", level: "error")
                    == 1
            )
            try gateway.relays(session)

            try gateway.install([main], confirmation: confirmation(time.wall))
            #expect(gateway.server.readiness().status == .ready)
            #expect(gateway.count("route map confirmed again", level: "info") == 1)
            try gateway.relays(session)
            _ = try gateway.session(main, backend)
        }
    }

    @Test("A confirming write reloads nothing, logs nothing above debug, and counts")
    func confirming() async throws {
        let time = ManualClock()
        let backend = try RawListener()
        let main = try Route.test("main", at: backend)
        try await TestGateway.runWithRouteFile(clock: time.clock) { gateway in
            try gateway.install([main], confirmation: confirmation(time.wall))
            let session = try gateway.session(main, backend)
            let loadedAt = gateway.server.routes.loadedAt
            let loud = { gateway.log.all.compactMap { LogLine($0) }.count { $0["level"] != "debug" } }
            let before = loud()
            for _ in 0..<20 {
                time.advance(by: 75)
                try gateway.install([main], confirmation: confirmation(time.wall))
                #expect(gateway.server.readiness().status == .ready)
            }
            #expect(loud() == before)
            #expect(gateway.count("route map unchanged", level: "debug") == 20)
            #expect(gateway.server.metrics.routeReloads[.loaded] == 1)
            #expect(gateway.server.routes.loadedAt == loadedAt)
            try gateway.relays(session)
            // 25 minutes after the first one, the last one counts, to the second.
            time.advance(by: 299)
            _ = try gateway.session(main, backend)
            time.advance(by: 1)
            #expect(try gateway.refusal(main.hostname.name)?.sqlState == "57P03")
        }
    }

    @Test("A map that needs no confirmation holds for ever, also after one that needed it")
    func without() async throws {
        let time = ManualClock()
        let backend = try RawListener()
        let main = try Route.test("main", at: backend)
        try await TestGateway.runWithRouteFile(clock: time.clock) { gateway in
            try gateway.install([main], confirmation: confirmation(time.wall))
            try gateway.install([main])
            time.advance(by: 1_000_000)
            #expect(gateway.server.readiness().status == .ready)
            _ = try gateway.session(main, backend)
        }
    }

    @Test("A map with a fault gives the one in force no more time")
    func fault() async throws {
        let time = ManualClock()
        let backend = try RawListener()
        let main = try Route.test("main", at: backend)
        try await TestGateway.runWithRouteFile(clock: time.clock) { gateway in
            try gateway.install([main], confirmation: confirmation(time.wall))
            time.advance(by: 200)
            try Data("{".utf8).write(to: URL(fileURLWithPath: gateway.server.configuration.routeFile), options: .atomic)
            gateway.server.routeLoader.reload(isForced: false)
            _ = try gateway.session(main, backend)
            time.advance(by: 100)
            #expect(try gateway.refusal(main.hostname.name)?.sqlState == "57P03")
            // A good map afterwards is news, though it says the same.
            try gateway.install([main], confirmation: confirmation(time.wall))
            #expect(gateway.server.metrics.routeReloads[.loaded] == 2)
            _ = try gateway.session(main, backend)
        }
    }

    @Test("A map that ran out before the gateway started is loaded, and refused until it is confirmed")
    func expiredAtStart() async throws {
        let time = ManualClock()
        let backend = try RawListener()
        let main = try Route.test("main", at: backend)
        try await TestGateway.runWithRouteFile(clock: time.clock) { gateway in
            try gateway.install([main], confirmation: confirmation(time.wall - 300))
            #expect(gateway.server.readiness().reasons.map(\.code) == [.routeMapUnconfirmed])
            #expect(try gateway.refusal(main.hostname.name)?.sqlState == "57P03")
            try gateway.install([main], confirmation: confirmation(time.wall))
            _ = try gateway.session(main, backend)
        }
    }

    @Test("The age of the map is told to Prometheus since it was confirmed")
    func age() async throws {
        let time = ManualClock()
        let backend = try RawListener()
        let main = try Route.test("main", at: backend)
        try await TestGateway.runWithRouteFile(clock: time.clock) { gateway in
            let admin = try await AdminServer.start(for: gateway.server)
            let address = try #require(admin.address)
            let metrics = {
                let connection = try RawConnection(port: address.port)
                try connection.send(Array("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8))
                return String(decoding: try connection.receiveToEnd(toleratesReset: true), as: UTF8.self)
            }
            #expect(try !metrics().contains("route_map_age_seconds"))
            try gateway.install([main], confirmation: confirmation(time.wall - 5))
            time.advance(by: 10)
            #expect(try metrics().contains("\npostgres_gateway_route_map_age_seconds 15\n"))
            time.step(by: -100)
            #expect(try metrics().contains("\npostgres_gateway_route_map_age_seconds 0\n"))
            try await admin.stop()
        }
    }
}
