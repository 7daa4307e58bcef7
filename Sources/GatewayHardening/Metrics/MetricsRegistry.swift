package import GatewayContract
package import GatewayCore

/// What the gateway counts since its start.
///
/// Events of connections are counted by their event loops, each in a shard of its own, and summed when they are read;
/// rare ones under a lock. The relay path counts nothing here: a session's bytes are in its own tally.
package final class MetricsRegistry: Sendable {
    /// One for each event loop.
    package let shards: [MetricsShard]
    package let evictions = LabelledCounter<Limit>()
    package let routeReloads = LabelledCounter<ReloadOutcome>()
    package let certificateReloads = LabelledCounter<ReloadOutcome>()
    package let targets = TargetCounts()

    package init(loops: Int) {
        shards = (0..<loops).map { _ in MetricsShard() }
    }

    package var outcomes: [ConnectionOutcome: Int] { sum { $0.outcomes } }
    package var limitRejections: [Limit: Int] { sum { $0.limitRejections } }
    package var handshakeFailures: [HandshakeFailure: Int] { sum { $0.handshakeFailures } }

    /// Handshakes in progress.
    package var activeHandshakes: Int {
        // Ends first: one that is counted between the two has begun as well.
        let ended = sum { $0.handshakes }[.ended, default: 0]
        return max(0, sum { $0.handshakes }[.begun, default: 0] - ended)
    }

    /// The histogram of all event loops.
    package func histogram(_ part: (MetricsShard) -> LoopHistogram) -> Histogram {
        shards.dropFirst().reduce(into: part(shards.first ?? MetricsShard()).current) { $0.add(part($1).current) }
    }

    private func sum<Label>(_ counts: (MetricsShard) -> LoopCounts<Label>) -> [Label: Int] {
        shards.reduce(into: LoopCounts<Label>().all) { $0.merge(counts($1).all, uniquingKeysWith: +) }
    }
}
