import GatewayCore
import Logging
import NIOCore
import Synchronization

/// Logs events that unauthenticated clients can cause at will: refusals, and connections that end in start-up.
///
/// The first ``limit`` lines of a kind in ``window`` are written; the number of others is logged
/// in one line when the window is over. A kind is an outcome and, where there is one, a branch, so
/// that there are no more kinds than the route map has branches, whatever clients send.
final class RefusalLog: Sendable {
    static let limit = 10
    static let window = TimeAmount.seconds(10)

    private struct Kind: Hashable {
        var level: Logger.Level
        var message: String
        var reason: String
        var target: String?
    }

    private let logger: Logger
    private let limiter = Mutex(BurstLimiter<Kind>(limit: limit, length: window))

    init(logger: Logger) {
        self.logger = logger
    }

    /// - Parameter fields: made only for a line that is written.
    func log(
        level: Logger.Level,
        _ message: String,
        reason: String,
        target: String?,
        fields: () -> Logger.Metadata
    ) {
        guard level >= logger.logLevel else { return }
        let kind = Kind(level: level, message: message, reason: reason, target: target)
        guard limiter.withLock({ $0.admits(kind, at: .now()) }) else { return }
        logger.log(level: level, "\(message)", metadata: fields())
    }

    /// Reports the suppressed lines of past windows; called once a window.
    func summarize(at now: NIODeadline = .now()) {
        for (kind, count) in limiter.withLock({ $0.takeSuppressed(at: now) }) {
            var fields: [LogKey: String] = [.reason: kind.reason, .suppressed: String(count)]
            if let target = kind.target { fields[.target] = DisplayName.escape(target) }
            logger.log(
                level: kind.level,
                "\(kind.message): similar lines suppressed",
                metadata: Logger.Metadata(fields)
            )
        }
    }
}
