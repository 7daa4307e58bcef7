import NIOCore
import PostgresGateway
import TestSupport
import Testing

@Suite struct MemoryTrimTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test("A peak that is over is followed by one trim, smaller ones by none")
    func due() {
        for (count, peak, isDue) in [
            (0, 499, false), (250, 500, true), (251, 500, false), (4_000, 9_000, true), (4_501, 9_000, false),
            (0, 0, false), (9_000, 9_000, false),
        ] {
            var trim = MemoryTrim()
            let found = trim.isDue(count: count, peak: peak, at: start)
            #expect(found == isDue, "\(count) of \(peak)")
        }
    }

    @Test("At most once in ten seconds, and what was not due does not count")
    func pause() {
        var trim = MemoryTrim()
        let looks: [(count: Int, after: TimeAmount)] = [
            (900, .zero), (0, .zero), (0, .milliseconds(9_999)), (0, .seconds(10)),
        ]
        let due = looks.map { trim.isDue(count: $0.count, peak: 1_000, at: start + $0.after) }
        #expect(due == [false, true, false, true])
    }

    @Test("The registry keeps the peak of all connections, not of sessions")
    func peak() async throws {
        try await TestGateway.run(routes: []) { gateway in
            var connections = try (0..<3).map { _ in try gateway.connect() }
            try await eventually("they are entered") { gateway.server.registry.openCount == 3 }
            connections.removeAll()
            try await eventually("they are over") { gateway.server.registry.openCount == 0 }
            let (open, peak) = gateway.server.registry.openAndPeakCount
            #expect(open == 0)
            #expect(peak == 3)
        }
    }
}
