import GatewayCore
import GatewayHardening
import NIOCore
import TestSupport
import Testing

@Suite struct MetricsRegistryTests {
    @Test("The sum over event loops is exact while they count at the same time, and never goes back")
    func sharding() async {
        let loops = 8
        let rounds = 20_000
        let registry = MetricsRegistry(loops: loops)
        let isDone = LockedFlag()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                var last = 0
                while !isDone.get() {
                    let now = registry.outcomes[.relayed, default: 0]
                    #expect(now >= last)
                    last = now
                    await Task.yield()
                }
            }
            await withTaskGroup(of: Void.self) { writers in
                for shard in registry.shards {
                    writers.addTask {
                        for round in 0..<rounds {
                            shard.outcomes.count(.relayed)
                            shard.outcomes.count(round.isMultiple(of: 2) ? .closed(.probe) : .refused(.unknownHostname))
                            shard.sessionDurations.observe(.milliseconds(100))
                        }
                    }
                }
            }
            isDone.set()
        }
        let outcomes = registry.outcomes
        #expect(outcomes[.relayed] == loops * rounds)
        #expect(outcomes[.closed(.probe)] == loops * rounds / 2)
        #expect(outcomes[.refused(.unknownHostname)] == loops * rounds / 2)
        #expect(outcomes.values.reduce(0, +) == 2 * loops * rounds)
        let sessions = registry.histogram { $0.sessionDurations }
        #expect(sessions.count == loops * rounds)
        #expect(sessions.sum == .milliseconds(100) * Int64(loops * rounds))
    }

    @Test("Every label of a closed set has a count from the start")
    func closedSets() {
        let registry = MetricsRegistry(loops: 2)
        #expect(Set(registry.outcomes.keys) == Set(ConnectionOutcome.allCases))
        #expect(registry.outcomes.values.allSatisfy { $0 == 0 })
        #expect(registry.handshakeFailures.count == HandshakeFailure.allCases.count)
        #expect(Set(ConnectionOutcome.allCases.map(\.label)).count == ConnectionOutcome.allCases.count)
    }

    @Test("Handshakes in progress are those that have begun on any event loop and not ended")
    func activeHandshakes() {
        let registry = MetricsRegistry(loops: 2)
        registry.shards[0].handshakes.count(.begun)
        registry.shards[1].handshakes.count(.begun)
        #expect(registry.activeHandshakes == 2)
        registry.shards[0].handshakes.count(.ended)
        #expect(registry.activeHandshakes == 1)
    }

    @Test("A branch is counted while the route map lists it; one that comes back starts at zero")
    func targets() {
        let targets = TargetCounts()
        targets.count("a") { $0.sessions += 1 }
        #expect(targets.all.isEmpty)
        targets.keep(["a", "b"])
        targets.count("a") { $0.bytesIn += 7 }
        #expect(targets.all == ["a": with { $0.bytesIn = 7 }, "b": TargetCount()])
        targets.keep(["a", "c"])
        #expect(targets.all == ["a": with { $0.bytesIn = 7 }, "c": TargetCount()])
        targets.keep(["b"])
        targets.count("a") { $0.bytesIn += 1 }
        targets.keep(["a", "b"])
        #expect(targets.all == ["a": TargetCount(), "b": TargetCount()])
    }

    private func with(_ change: (inout TargetCount) -> Void) -> TargetCount {
        var count = TargetCount()
        change(&count)
        return count
    }
}
