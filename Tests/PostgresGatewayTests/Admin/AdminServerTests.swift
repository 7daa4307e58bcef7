import Dispatch
import Foundation
import GatewayContract
import GatewayCore
import NIOCore
import PostgresGateway
import TestSupport
import Testing

/// The admin address over real HTTP.
@Suite struct AdminServerTests {
    private func run(_ body: (TestGateway, AdminServer, AdminAddress) async throws -> Void) async throws {
        try await TestGateway.run(routes: []) { gateway in
            let admin = try await AdminServer.start(for: gateway.server)
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(try await body(gateway, admin, try #require(admin.address)))
            } catch {
                outcome = .failure(error)
            }
            try await admin.stop()
            try outcome.get()
        }
    }

    private func request(_ text: String, to address: AdminAddress) throws -> String {
        let connection = try RawConnection(port: address.port)
        try connection.send(Array(text.utf8))
        return String(decoding: try connection.receiveToEnd(toleratesReset: true), as: UTF8.self)
    }

    @Test("Alive: 200. Not ready: 503 and the reasons in JSON")
    func healthAndReadiness() async throws {
        try await run { _, _, address in
            let live = try await AdminClient.get(.liveness, from: address, within: .seconds(20))
            #expect(live.status == 200)
            let liveness = try JSONDecoder().decode(Liveness.self, from: Data(live.body.utf8))
            #expect(liveness.status == .ok)
            #expect(liveness.eventLoops > 0)
            #expect(liveness.stuckEventLoops == 0)

            let ready = try await AdminClient.get(.readiness, from: address, within: .seconds(20))
            #expect(ready.status == 503)
            let readiness = try JSONDecoder().decode(Readiness.self, from: Data(ready.body.utf8))
            #expect(readiness.status == .notReady)
            #expect(readiness.reasons.map(\.code) == [.routeMapMissing])
        }
    }

    @Test("Metrics: text as Prometheus reads it")
    func metrics() async throws {
        try await run { _, _, address in
            let answer = try request("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", to: address)
            #expect(answer.hasPrefix("HTTP/1.1 200"))
            #expect(answer.contains("Content-Type: text/plain; version=0.0.4"))
            #expect(answer.contains("\n# TYPE postgres_gateway_startups_active gauge\n"))
            #expect(answer.contains("\npostgres_gateway_routes{state=\"active\"} 0\n"))
            #expect(answer.contains("\npostgres_gateway_route_address_conflicts 0\n"))
            #expect(answer.contains("\npostgres_gateway_hostnames_uncovered 0\n"))
            #expect(answer.contains("\npostgres_gateway_certificate_expiry_seconds{name=\"*.pg.shop.example.net\"} "))
        }
    }

    @Test("Metrics have no label twice, and each family's type")
    func metricsAreWellFormed() async throws {
        try await run { _, _, address in
            let answer = try request("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", to: address)
            let series = answer.split(separator: "\n").filter { $0.hasPrefix("postgres_gateway_") }
                .map { $0.prefix { $0 != " " } }
            #expect(Set(series).count == series.count)
            for name in MetricName.allCases {
                // There is no age without a route map, and no branch.
                let isThere = name != .routeMapAge && !name.labels.contains(.target)
                #expect(answer.contains("\n# TYPE \(name.rawValue) \(name.kind.rawValue)\n") == isThere, "\(name)")
            }
            #expect(answer.contains("\npostgres_gateway_limit_rejections_total{limit=\"connections\"} 0\n"))
        }
    }

    @Test("A listener that dies is opened again on the same port; the gateway's own is not touched")
    func listenerDies() async throws {
        try await run { gateway, admin, address in
            for _ in 0..<2 {
                let dead = try #require(admin.listeningChannel)
                try await dead.close()
                try await eventually("it listens again") {
                    admin.listeningChannel.map { $0 !== dead && $0.isActive } ?? false
                }
                #expect(admin.address == address)
                #expect(try await AdminClient.get(.liveness, from: address, within: .seconds(20)).status == 200)
            }
            let messages = gateway.log.all.compactMap { LogLine($0)?["message"] }
            #expect(messages.count { $0 == "lost the admin listening socket; reopening it" } == 2)
            #expect(gateway.server.readiness().reasons.map(\.code) == [.routeMapMissing])
        }
    }

    @Test("A listener that dies while its port is taken comes back when the port does")
    func listenerDiesForLong() async throws {
        try await run { gateway, admin, address in
            // Who sits on the port besides, as long as it likes.
            let dead = try #require(admin.listeningChannel)
            var squatter: RawListener? = try await gateway.takePort(address.port, of: dead)
            try await eventually("it is told") {
                gateway.log.all.contains { $0.contains("lost the admin listening socket") }
            }
            #expect(admin.listeningChannel === dead)
            squatter = nil
            withExtendedLifetime(squatter) {}
            try await eventually("it listens again") { admin.listeningChannel?.isActive == true }
            #expect(try await AdminClient.get(.liveness, from: address, within: .seconds(20)).status == 200)
        }
    }

    @Test("An event loop that does not turn: 503, from a thread that does")
    func stuckLoop() async throws {
        try await run { gateway, _, address in
            let (isStuck, letGo) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            gateway.server.loops[0].execute {
                isStuck.signal()
                letGo.wait()
            }
            isStuck.wait()
            let outcome = await Result { try await AdminClient.get(.liveness, from: address, within: .seconds(20)) }
            letGo.signal()
            let response = try outcome.get()
            #expect(response.status == 503)
            let liveness = try JSONDecoder().decode(Liveness.self, from: Data(response.body.utf8))
            #expect(liveness.status == .stuck)
            #expect(liveness.stuckEventLoops == 1)
            #expect(try await AdminClient.get(.liveness, from: address, within: .seconds(20)).status == 200)
        }
    }

    @Test("Other paths and methods, HEAD, a query, and what is no HTTP")
    func requests() async throws {
        try await run { _, _, address in
            let missing = try request("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", to: address)
            #expect(missing.hasPrefix("HTTP/1.1 404 "))
            #expect(missing.contains("/healthz"))
            #expect(
                try request("POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", to: address)
                    .hasPrefix(
                        "HTTP/1.1 405 "
                    )
            )
            let head = try request("HEAD /healthz?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", to: address)
            #expect(head.hasPrefix("HTTP/1.1 200 "))
            #expect(head.hasSuffix("\r\n\r\n"))
            #expect(try request("GET /healthz HTTP/1.0\r\n\r\n", to: address).contains("200 OK"))
            #expect(try request("\u{16}\u{3}\u{1}nonsense\r\n\r\n", to: address).contains("400 "))
        }
    }

    @Test("Connections that ask nothing lock nobody out: the oldest of them makes room")
    func idle() async throws {
        try await run { _, _, address in
            var open = try (0..<64).map { _ in try RawConnection(port: address.port) }
            // Who asks afterwards is served, as often as it likes.
            for _ in 0..<80 { open.append(try RawConnection(port: address.port)) }
            for path in ["/healthz", "/metrics", "/sessions"] {
                #expect(
                    try request("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n", to: address).hasPrefix(
                        "HTTP/1.1 200 "
                    )
                )
            }
            #expect(try open[0].receiveToEnd(toleratesReset: true).isEmpty)
            // The newest is still there, and is served when it asks.
            try open[143].send(Array("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
            #expect(String(decoding: try open[143].receive(), as: UTF8.self).hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("Half a request is not waited for, and a long one is not read to its end")
    func slowAndLong() async throws {
        try await run { _, _, address in
            let half = try RawConnection(port: address.port)
            try half.send(Array("GET /healthz HTTP/1.1\r\nHost: loc".utf8))
            let long = try RawConnection(port: address.port)
            try long.send(Array("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ".utf8))
            try? long.send([UInt8](repeating: UInt8(ascii: "x"), count: 9_000))
            let answer = String(decoding: try long.receiveToEnd(toleratesReset: true), as: UTF8.self)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 431 "))
            #expect(try half.receiveToEnd(toleratesReset: true).isEmpty)
        }
    }

    @Test("The names of others are refused, as a page has them whose name was made to lead here")
    func hosts() async throws {
        try await run { _, _, address in
            for (host, status) in [
                ("Host: localhost:9432\r\n", 200), ("Host: 127.0.0.1\r\n", 200), ("Host: [::1]:9432\r\n", 200),
                ("Host: evil.example\r\n", 421), ("Host: 192.0.2.1:9432\r\n", 421),
                ("Host: localhost.evil.example\r\n", 421),
                ("", 400), ("Host: localhost\r\nHost: evil.example\r\n", 400),
            ] {
                for path in AdminPath.allCases where path != .readiness {
                    let answer = try request("GET \(path.rawValue) HTTP/1.1\r\n\(host)\r\n", to: address)
                    #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(host)")
                }
            }
        }
    }

    @Test("/sessions is the document that the contract has")
    func sessions() async throws {
        try await run { _, _, address in
            let answer = try await AdminClient.get(.sessions, from: address, within: .seconds(20))
            #expect(answer.status == 200)
            let document = try JSONDecoder().decode(SessionsDocument.self, from: Data(answer.body.utf8))
            #expect(document.targets.isEmpty)
            #expect(document.startups == .init(count: 0, handshakesWaiting: 0))
            #expect(document.certificates.map(\.names) == [["*.pg.shop.example.net"]])
            #expect(document.hostnamesUncovered == .init(count: 0, first: []))
        }
    }

    @Test("Nobody there, and somebody who is no gateway: told")
    func client() async throws {
        let free = try #require(AdminAddress("127.0.0.1:\(try await PostgresServer.freePort())"))
        let refused = await #expect(throws: AdminClient.Failure.self) {
            try await AdminClient.get(.liveness, from: free, within: .seconds(20))
        }
        #expect(refused?.description == "Connection refused")
        try await BlockingExecutor.run {
            let listener = try RawListener()
            let address = try #require(AdminAddress("127.0.0.1:\(listener.port)"))
            let silent = await #expect(throws: AdminClient.Failure.self) {
                try await AdminClient.get(.liveness, from: address, within: .milliseconds(200))
            }
            #expect(silent?.description.contains("200ms") == true)
            _ = try listener.accept()
            let answer = Task { try await AdminClient.get(.liveness, from: address, within: .seconds(20)) }
            try listener.accept().send(Array("E\0\0\0\u{8}nonsense\r\n\r\n".utf8))
            await #expect(throws: AdminClient.Failure.self) { try await answer.value }
        }
    }

    @Test("An address in use names its variable")
    func portInUse() async throws {
        try await run { gateway, _, address in
            let second = gateway.another(port: 0, adminAddress: address)
            let error = await #expect(throws: ListenError.self) { try await AdminServer.start(for: second) }
            #expect(error?.kind == .portInUse)
            #expect(error?.description.contains("FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS (--admin-address)") == true)
            try await second.close()
        }
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
