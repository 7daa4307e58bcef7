import Foundation
import GatewayContract
import GatewayCore
import GatewayHardening
import NIOCore
import PostgresGateway
import PostgresWire
import RouteMap
import TestSupport
import Testing

/// What a new route map does to sessions, against backends that the test plays.
@Suite struct RouteReloadTests {
    private struct Branch {
        var id: String
        var name: String
        var port: Int

        var route: Route {
            get throws {
                Route(
                    hostname: try Hostname("\(name).pg.shop.example.net"),
                    hostPort: UInt16(port),
                    target: Target(id: id, name: name, database: "shop", project: "shop")
                )
            }
        }
    }

    private func run(_ body: (TestGateway, (([Branch], [Branch]) throws -> Void)) async throws -> Void) async throws {
        let directory = try TemporaryDirectory("routes")
        defer { directory.remove() }
        let path = directory.file("routes.json")
        try await TestGateway.run(routes: [], configure: { $0.routeFile = path }) { gateway in
            try await body(gateway) { active, stopped in
                let data = try RouteMapFile.encode(
                    routes: active.map { try $0.route },
                    stopped: stopped.map { StoppedRoute(hostname: try $0.route.hostname, target: try $0.route.target) },
                    generatedAt: .now
                )
                try RouteMapFile.write(data, to: path)
                gateway.server.routeLoader.reload(isForced: false)
            }
        }
    }

    private func session(_ gateway: TestGateway, _ branch: Branch, _ backend: RawListener) throws -> (
        TLSConnection, RawConnection
    ) {
        let client = try gateway.connectTLS(serverName: "\(branch.name).pg.shop.example.net")
        try client.write(ByteBuffer.startup().bytes)
        let server = try backend.accept()
        _ = try server.receive()
        try server.send([UInt8(ascii: "!")])
        #expect(try client.read(count: 1) == [UInt8(ascii: "!")])
        return (client, server)
    }

    @Test("Stopped, removed or at another port: its sessions end, and nobody else's")
    func closed() async throws {
        let (mainBackend, devBackend) = (try RawListener(), try RawListener())
        let main = Branch(id: "dbt_1", name: "main", port: mainBackend.port)
        let dev = Branch(id: "dbt_2", name: "dev", port: devBackend.port)
        try await run { gateway, install in
            for (active, stopped) in [
                ([main], [dev]), ([main], []), ([main, Branch(id: "dbt_2", name: "dev", port: 1)], []),
            ] {
                try install([main, dev], [])
                let other = try session(gateway, main, mainBackend)
                let (client, server) = try session(gateway, dev, devBackend)
                try install(active, stopped)
                #expect(try client.readToEnd().isEmpty)
                #expect(try server.receiveToEnd(toleratesReset: true).isEmpty)
                try other.1.send([UInt8(ascii: "?")])
                #expect(try other.0.read(count: 1) == [UInt8(ascii: "?")])
            }
            #expect(gateway.log.all.contains { LogLine($0)?["reason"] == "route_changed" })
            #expect(gateway.log.all.contains { LogLine($0)?["closed"] == "1" })
        }
    }

    @Test("A rename moves the hostname in one step, and open sessions go on")
    func rename() async throws {
        let backend = try RawListener()
        let old = Branch(id: "dbt_1", name: "old", port: backend.port)
        let new = Branch(id: "dbt_1", name: "new", port: backend.port)
        try await run { gateway, install in
            try install([old], [])
            let (client, server) = try session(gateway, old, backend)
            try install([new], [])
            try server.send([UInt8(ascii: "?")])
            #expect(try client.read(count: 1) == [UInt8(ascii: "?")])
            let late = try gateway.connectTLS(serverName: "old.pg.shop.example.net")
            try late.write(ByteBuffer.startup().bytes)
            #expect(ReceivedError(try late.readToEnd())?.sqlState == "3D000")
            _ = try session(gateway, new, backend)
        }
    }

    @Test("A fault leaves map and sessions alone, is told once, and counted")
    func fault() async throws {
        let backend = try RawListener()
        let main = Branch(id: "dbt_1", name: "main", port: backend.port)
        try await run { gateway, install in
            try install([main], [])
            let (client, server) = try session(gateway, main, backend)
            let path = gateway.server.configuration.routeFile
            for (number, text) in ["{", #"{ "version": 2 }"#, ""].enumerated() {
                try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
                gateway.server.routeLoader.reload(isForced: false)
                gateway.server.routeLoader.reload(isForced: false)
                #expect(gateway.server.metrics.routeReloads[.failed] == number + 1)
            }
            try await Command.check("rm", [path])
            gateway.server.routeLoader.reload(isForced: false)
            #expect(gateway.server.metrics.routeReloads[.failed] == 4)
            try server.send([UInt8(ascii: "?")])
            #expect(try client.read(count: 1) == [UInt8(ascii: "?")])
            _ = try session(gateway, main, backend)
        }
    }

    @Test("Looked up and exchanged by many at once: always one whole table")
    func concurrency() async throws {
        let one = try (0..<50).map { try Branch(id: "dbt_\($0)", name: "b\($0)", port: 10_000 + $0).route }
        let two = try (0..<50).map { try Branch(id: "dbt_\($0)", name: "b\($0)", port: 20_000 + $0).route }
        try await run { gateway, install in
            let tables = try [one, two].map { try RouteMapFile.encode(routes: $0, stopped: [], generatedAt: .now) }
            let state = gateway.server
            try RouteMapFile.write(tables[0], to: state.configuration.routeFile)
            state.routeLoader.reload(isForced: true)
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    for round in 0..<100 {
                        _ = try? RouteMapFile.write(tables[round % 2], to: state.configuration.routeFile)
                        state.routeLoader.reload(isForced: true)
                    }
                }
                for _ in 0..<2 {
                    group.addTask {
                        for _ in 0..<200 {
                            let table = state.routes.current
                            let ports = (0..<50).map { number -> UInt16 in
                                guard
                                    case .active(let route) = table.entry(for: "b\(number).pg.shop.example.net")
                                else { return 0 }
                                return route.hostPort - UInt16(number)
                            }
                            #expect(Set(ports) == [10_000] || Set(ports) == [20_000])
                        }
                    }
                }
            }
            // The first of the hundred says what is in force already.
            #expect(state.metrics.routeReloads[.loaded] == 100)
        }
    }
}
