import GatewayCore
import GatewayHardening
import Logging
import NIOCore
import RouteMap

/// The facts about one connection, for its log lines and for metrics.
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
    private lazy var clientName = client?.displayName ?? "unknown"
    private let start = NIODeadline.now()
    private var handshakeStart: NIODeadline?
    private var sessionStart: NIODeadline?
    private let log: ConnectionLog
    private let metrics: MetricsShard

    /// - Parameter metrics: of the connection's event loop.
    init(id: ConnectionID, client: SocketAddress?, log: ConnectionLog, metrics: MetricsShard) {
        self.id = id
        self.client = client
        self.log = log
        self.metrics = metrics
    }

    // MARK: Metrics alone

    /// The ClientHello is complete.
    func beginHandshake() {
        guard handshakeStart == nil else { return }
        handshakeStart = .now()
        metrics.handshakes.count(.begun)
    }

    func completeHandshake() {
        if let handshakeStart { metrics.handshakeDurations.observe(.now() - handshakeStart) }
        endHandshake()
    }

    /// The handshake is over in any way, if one was in progress.
    func endHandshake() {
        guard handshakeStart != nil else { return }
        handshakeStart = nil
        metrics.handshakes.count(.ended)
    }

    func countHandshakeFailure(_ reason: HandshakeFailure) {
        metrics.handshakeFailures.count(reason)
    }

    /// Connecting to the branch's server failed; the client's error is separate.
    func countDialFailure(_ reason: DialFailure) {
        countForTarget { $0.dialFailures[reason, default: 0] += 1 }
    }

    /// The server's first ReadyForQuery.
    func countReady() {
        metrics.startupDurations.observe(.now() - start)
    }

    func countLoginFailure() {
        countForTarget { $0.authenticationFailures += 1 }
    }

    private func countForTarget(_ change: (inout TargetCount) -> Void) {
        if let target { log.metrics.targets.count(target.id, change) }
    }

    // MARK: Log lines, and the metrics of what they report

    /// The server has answered.
    func logStart() {
        sessionStart = .now()
        countForTarget { $0.sessions += 1 }
        log.logger.info("session started", metadata: fields([:]))
    }

    func logEnd(reason: String) {
        if let sessionStart { metrics.sessionDurations.observe(.now() - sessionStart) }
        guard !isRefused else { return }
        metrics.outcomes.count(.relayed)
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
        metrics.outcomes.count(.refused(refusal.reason))
        if let limit = refusal.limit { metrics.limitRejections.count(limit) }
        if let target = refusal.target { self.target = target }
        log.recentRefusals.note(refusal)
        log.burst.log(
            level: .warning,
            "connection refused",
            reason: refusal.reason.rawValue,
            target: target?.id
        ) {
            fields([
                .outcome: "refused", .reason: refusal.reason.rawValue, .limit: refusal.limit?.rawValue,
                .durationMilliseconds: duration,
            ])
        }
    }

    func logClose(_ reason: CloseReason) {
        metrics.outcomes.count(.closed(reason))
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
        metrics.outcomes.count(outcome)
        log.burst.log(level: .info, "cancel request", reason: outcome.label, target: nil) {
            fields([.outcome: outcome.label, .durationMilliseconds: duration])
        }
    }

    private var duration: String {
        String((NIODeadline.now() - start).nanoseconds / 1_000_000)
    }

    /// - Parameter more: fields beside those of every line about a connection; one that is nil is left out.
    private func fields(_ more: KeyValuePairs<LogKey, String?>) -> Logger.Metadata {
        var fields = Logger.Metadata(minimumCapacity: more.count + 5)
        func add(_ key: LogKey, _ value: String?) {
            if let value { fields[key.rawValue] = .string(value) }
        }
        for (key, value) in more { add(key, value) }
        add(.connection, id.description)
        add(.client, clientName)
        add(.hostname, serverName.map(DisplayName.escape))
        add(.target, (target?.id).map(DisplayName.escape))
        add(.error, failure.map { DisplayName.escape(String(describing: $0)) })
        return fields
    }
}

@available(*, unavailable)
extension ConnectionTrace: Sendable {}
