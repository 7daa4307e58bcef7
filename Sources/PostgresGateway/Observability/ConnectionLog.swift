package import GatewayCore
import Logging

/// Where connections write what became of them: the log, and the counts.
package final class ConnectionLog: Sendable {
    let logger: Logger
    let burst: RefusalLog
    package let outcomes = LabelledCounter<ConnectionOutcome>()
    package let limitRejections = LabelledCounter<Limit>()
    package let evictions = LabelledCounter<Limit>()
    /// By the branch's id.
    package let authenticationFailures = LabelledCounter<String>()

    init(logger: Logger) {
        self.logger = logger
        burst = RefusalLog(logger: logger)
    }
}
