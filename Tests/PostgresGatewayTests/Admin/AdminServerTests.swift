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
            let answer = try request("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", to: address)
            #expect(answer.hasPrefix("HTTP/1.1 200"))
            #expect(answer.contains("Content-Type: text/plain; version=0.0.4"))
            #expect(answer.contains("\n# TYPE postgres_gateway_connections_active gauge\n"))
            #expect(answer.contains("\npostgres_gateway_routes 0\n"))
            #expect(answer.hasSuffix("\npostgres_gateway_route_address_conflicts 0\n"))
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
            let missing = try request("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", to: address)
            #expect(missing.hasPrefix("HTTP/1.1 404 "))
            #expect(missing.contains("/healthz"))
            #expect(
                try request("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", to: address).hasPrefix(
                    "HTTP/1.1 405 "
                )
            )
            let head = try request("HEAD /healthz?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", to: address)
            #expect(head.hasPrefix("HTTP/1.1 200 "))
            #expect(head.hasSuffix("\r\n\r\n"))
            #expect(try request("GET /healthz HTTP/1.0\r\n\r\n", to: address).contains("200 OK"))
            #expect(try request("\u{16}\u{3}\u{1}nonsense\r\n\r\n", to: address).contains("400 "))
        }
    }

    @Test("Too many connections are closed at once; those that were open are served")
    func limit() async throws {
        try await run { _, _, address in
            let open = try (0..<64).map { _ in try RawConnection(port: address.port) }
            // The last of them is served, so all have been accepted.
            try open[63].send(Array("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
            #expect(String(decoding: try open[63].receive(), as: UTF8.self).hasPrefix("HTTP/1.1 200 "))
            let more = try (0..<2).map { _ in try RawConnection(port: address.port) }
            // One place has become free; whoever comes after is closed long before the time for a request is over.
            #expect(more[1].hasInput(withinMilliseconds: 5_000))
            #expect(try more[1].receiveToEnd(toleratesReset: true).isEmpty)
            withExtendedLifetime((open, more)) {}
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
            let second = GatewayServer(gateway.state(port: 0, adminAddress: address))
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
