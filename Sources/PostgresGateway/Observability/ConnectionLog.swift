import GatewayHardening
import Logging

/// The destination of connections' results: the log and the counts.
final class ConnectionLog: Sendable {
    let logger: Logger
    let metrics: MetricsRegistry
    let burst: RefusalLog
    let recentRefusals = RecentRefusals()

    init(logger: Logger, metrics: MetricsRegistry) {
        self.logger = logger
        self.metrics = metrics
        burst = RefusalLog(logger: logger)
    }
}
