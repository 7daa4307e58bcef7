import GatewayCore
import GatewayHardening
import Logging
import NIOCore
import RouteMap

/// The facts about one connection, for its log lines and the outcome counts.
///
/// Never start-up parameters, passwords or keys: they are not kept here at all.
final class ConnectionTrace {
    let id: ConnectionID
    let client: SocketAddress?
    var serverName: String?
    var target: Target?
    /// The error behind a refusal or a close, for the log only.
    var failure: (any Error)?
    let tally = SessionTally()

    private var isRefused = false
    private let start = NIODeadline.now()
    private let log: ConnectionLog

    init(id: ConnectionID, client: SocketAddress?, log: ConnectionLog) {
        self.id = id
        self.client = client
        self.log = log
    }

    /// Connecting to the branch's server failed; the client's error is separate.
    func countDialFailure(_ reason: DialFailure) {
        log.metrics.dialFailures.count(reason)
    }

    func logStart() {
        log.logger.info("session started", metadata: fields([:]))
    }

    func logEnd(reason: String) {
        guard !isRefused else { return }
        log.metrics.outcomes.count(.relayed)
        log.logger.info(
            "session ended",
            metadata: fields([
                .outcome: ConnectionOutcome.relayed.label, .reason: reason, .durationMilliseconds: duration,
                .bytesIn: String(tally.bytesIn), .bytesOut: String(tally.bytesOut),
            ])
        )
    }

    func logRefusal(_ refusal: Refusal) {
        isRefused = true
        log.metrics.outcomes.count(.refused(refusal.reason))
        if let limit = refusal.limit { log.metrics.limitRejections.count(limit) }
        if let target = refusal.target { self.target = target }
        log.burst.log(
            level: .warning,
            "connection refused",
            reason: refusal.reason.rawValue,
            target: target?.id
        ) {
            var more: [LogKey: String] = [
                .outcome: "refused", .reason: refusal.reason.rawValue, .durationMilliseconds: duration,
            ]
            if let limit = refusal.limit { more[.limit] = limit.rawValue }
            return fields(more)
        }
    }

    func logClose(_ reason: CloseReason) {
        log.metrics.outcomes.count(.closed(reason))
        log.burst.log(
            level: reason == .probe ? .debug : .info,
            "connection closed before routing",
            reason: reason.rawValue,
            target: target?.id
        ) {
            fields([.outcome: "closed", .reason: reason.rawValue, .durationMilliseconds: duration])
        }
    }

    func logCancel(_ outcome: ConnectionOutcome) {
        log.metrics.outcomes.count(outcome)
        log.burst.log(level: .info, "cancel request", reason: outcome.label, target: nil) {
            fields([.outcome: outcome.label, .durationMilliseconds: duration])
        }
    }

    private var duration: String {
        String((NIODeadline.now() - start).nanoseconds / 1_000_000)
    }

    private func fields(_ more: [LogKey: String]) -> Logger.Metadata {
        var fields = more
        fields[.connection] = id.description
        fields[.client] = client?.displayName ?? "unknown"
        if let serverName { fields[.hostname] = DisplayName.escape(serverName) }
        if let target { fields[.target] = DisplayName.escape(target.id) }
        if let failure { fields[.error] = DisplayName.escape(String(describing: failure)) }
        return Logger.Metadata(fields)
    }
}

@available(*, unavailable)
extension ConnectionTrace: Sendable {}
