import GatewayCore
import Logging
import NIOCore
import RouteMap

/// What is known of one connection, for its log lines and for the counts of outcomes.
///
/// Never start-up parameters, passwords or keys: they are not kept here at all.
final class SessionRecord {
    let id: ConnectionID
    var client: SocketAddress?
    var serverName: String?
    var target: Target?
    /// The error behind a refusal or a close, for the log only.
    var failure: (any Error)?
    var bytesIn = 0
    var bytesOut = 0

    private var isRefused = false
    private let start = NIODeadline.now()
    private let gateway: GatewayState

    init(id: ConnectionID, gateway: GatewayState) {
        self.id = id
        self.gateway = gateway
    }

    func logStart() {
        gateway.logger.info("session started", metadata: fields([:]))
    }

    func logEnd(reason: String) {
        guard !isRefused else { return }
        gateway.outcomes.count(.relayed)
        gateway.logger.info(
            "session ended",
            metadata: fields([
                .outcome: ConnectionOutcome.relayed.label, .reason: reason, .durationMilliseconds: duration,
                .bytesIn: String(bytesIn), .bytesOut: String(bytesOut),
            ])
        )
    }

    func logRefusal(_ refusal: Refusal) {
        isRefused = true
        gateway.outcomes.count(.refused(refusal.reason))
        if let target = refusal.target { self.target = target }
        gateway.refusalLog.log(
            level: .warning,
            "connection refused",
            reason: refusal.reason.rawValue,
            target: target?.id
        ) {
            fields([.outcome: "refused", .reason: refusal.reason.rawValue, .durationMilliseconds: duration])
        }
    }

    func logClose(_ reason: ConnectionMachine.CloseReason) {
        gateway.outcomes.count(.closed(reason))
        gateway.refusalLog.log(
            level: reason == .probe ? .debug : .info,
            "connection closed before it was routed",
            reason: reason.rawValue,
            target: target?.id
        ) {
            fields([.outcome: "closed", .reason: reason.rawValue, .durationMilliseconds: duration])
        }
    }

    func logCancel(_ outcome: ConnectionOutcome) {
        gateway.outcomes.count(outcome)
        gateway.refusalLog.log(level: .info, "cancel request", reason: outcome.label, target: nil) {
            fields([.outcome: outcome.label, .durationMilliseconds: duration])
        }
    }

    private var duration: String {
        String((NIODeadline.now() - start).nanoseconds / 1_000_000)
    }

    private func fields(_ more: [LogKey: String]) -> Logger.Metadata {
        var fields = more
        fields[.session] = id.description
        fields[.client] = client?.displayName ?? "unknown"
        if let serverName { fields[.hostname] = DisplayName.escape(serverName) }
        if let target { fields[.target] = DisplayName.escape(target.id) }
        if let failure { fields[.error] = DisplayName.escape(String(describing: failure)) }
        return Logger.Metadata(fields)
    }
}

@available(*, unavailable)
extension SessionRecord: Sendable {}
