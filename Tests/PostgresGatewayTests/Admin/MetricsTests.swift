import Foundation
import GatewayContract
import GatewayCore
import GatewayHardening
import GatewayTestSupport
import NIOCore
import PostgresGateway
import RouteMap
import TestSupport
import Testing

/// `/metrics` as a whole.
@Suite struct MetricsTests {
    @Test("promtool finds nothing to complain about, whatever the ids of branches are")
    func promtool() async throws {
        let directory = try TemporaryDirectory("promtool")
        defer { directory.remove() }
        let backend = try RawListener()
        let odd = Route(
            hostname: try Hostname(TestGateway.hostname),
            hostPort: UInt16(backend.port),
            target: Target(id: "we\"ird\\ {ü}\n", name: "dev", database: "shop", project: "shop")
        )
        let configure: (inout GatewayConfiguration) -> Void = { $0.routeFile = directory.file("routes.json") }
        try await TestGateway.run(routes: [], configure: configure) { gateway in
            try gateway.install([odd])
            let session = try gateway.ready(backend)
            let admin = try await AdminServer.start(for: gateway.server)
            let response: AdminClient.Response
            do {
                response = try await AdminClient.get(.metrics, from: try #require(admin.address), within: .seconds(60))
            } catch {
                try await admin.stop()
                throw error
            }
            try await admin.stop()
            #expect(response.status == 200)
            try directory.write(response.body, to: "metrics.txt")
            let result = try await Command.run(
                "sh",
                ["-c", "exec promtool check metrics <'\(directory.file("metrics.txt"))'"]
            )
            #expect(result.isSuccess)
            #expect(result.output + result.errors == "")
            for name in MetricName.allCases { #expect(response.body.contains("\n# TYPE \(name.rawValue) "), "\(name)") }
            withExtendedLifetime(session) {}
        }
    }

    @Test("Bytes and sessions never go back while sessions end during scrapes, and are exact in the end")
    func bytesNeverGoBack() async throws {
        let backend = try RawListener()
        let rounds = 60
        try await TestGateway.run(backend: backend) { gateway in
            let services = AdminServices(of: gateway.server)
            let isDone = LockedFlag()
            let names: [MetricName] = [.bytes, .sessions]
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var last: [String: Double] = [:]
                    while !isDone.get() {
                        for (series, value) in try Self.values(of: names, in: services.metrics()) {
                            #expect(value >= last[series, default: 0], "\(series)")
                            last[series] = value
                        }
                    }
                }
                for _ in 0..<rounds {
                    let (client, server) = try gateway.ready(backend)
                    try client.write([UInt8](repeating: 1, count: 100))
                    _ = try server.receive()
                    server.shutdownOutput()
                    _ = try client.readToEnd()
                    try client.shutdown()
                }
                try await eventually("all are over") { gateway.server.registry.openCount == 0 }
                isDone.set()
                try await group.waitForAll()
            }
            let values = try Self.values(of: names, in: services.metrics())
            let target = Fixtures.target.id
            let (ready, startup) = (TestBackend.ready(processID: 7).count, ByteBuffer.startup().readableBytes)
            let prefix = MetricName.bytes.rawValue
            #expect(values["\(prefix){direction=\"in\",target=\"\(target)\"}"] == Double(rounds * (startup + 100)))
            #expect(values["\(prefix){direction=\"out\",target=\"\(target)\"}"] == Double(rounds * ready))
            #expect(values["\(MetricName.sessions.rawValue){target=\"\(target)\"}"] == Double(rounds))
            let sessions = gateway.server.metrics.histogram { $0.sessionDurations }
            #expect(sessions.count == rounds)
        }
    }

    private static func values(of names: [MetricName], in text: String) throws -> [String: Double] {
        var values: [String: Double] = [:]
        for line in text.split(separator: "\n") where names.contains(where: { line.hasPrefix("\($0.rawValue){") }) {
            let space = try #require(line.lastIndex(of: " "))
            let value: Double = try #require(Double(line[line.index(after: space)...]))
            values[String(line[..<space])] = value
        }
        return values
    }

    @Test("Event loops measure how late they are")
    func lag() async throws {
        try await TestGateway.run(routes: []) { gateway in
            try await eventually("each loop has measured") {
                gateway.server.metrics.shards.allSatisfy { $0.lags.current.count > 0 }
            }
            #expect(gateway.server.metrics.shards.count == gateway.server.loops.count)
        }
    }

    @Test("This process, as the kernel has it")
    func process() throws {
        let usage = try #require(ProcessUsage.current())
        #expect(usage.cpuSeconds > 0)
        #expect(usage.residentBytes > 0 && usage.residentBytes < usage.virtualBytes)
        #expect(try #require(usage.openFiles) > 2)
        #expect(try #require(usage.maximumFiles) > 2)
        let start = try #require(usage.startTime)
        #expect(start > 1_600_000_000 && start < Date.now.timeIntervalSince1970 + 60)
    }

    @Test("A program's name may have spaces and parentheses; a file that is cut says nothing")
    func processStat() throws {
        let fields = (4...52).map { String($0 * 100) }.joined(separator: " ")
        let usage = try #require(
            ProcessUsage(
                stat: "1 (a ) b)c) S \(fields)\n",
                systemStat: "cpu 1 2\nbtime 1000\nprocesses 5\n",
                ticksPerSecond: 100,
                pageSize: 4_096
            )
        )
        #expect(usage.cpuSeconds == 29)
        #expect(usage.virtualBytes == 2_300)
        #expect(usage.residentBytes == 2_400 * 4_096)
        #expect(usage.startTime == 1_022)
        for stat in ["", "1 (a", "1 (a) S 1 2 3"] {
            #expect(ProcessUsage(stat: stat, systemStat: nil, ticksPerSecond: 100, pageSize: 4_096) == nil)
        }
    }
}
