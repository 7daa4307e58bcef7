package import GatewayCore

/// One event loop's counts, written by that loop alone.
package final class MetricsShard: Sendable {
    package let outcomes = LoopCounts<ConnectionOutcome>()
    package let limitRejections = LoopCounts<Limit>()
    package let handshakeFailures = LoopCounts<HandshakeFailure>()
    package let handshakes = LoopCounts<HandshakeEvent>()
    /// From the complete ClientHello to the end of the handshake.
    package let handshakeDurations = LoopHistogram(.latency)
    /// Of dials that succeeded.
    package let dialDurations = LoopHistogram(.latency)
    /// From accept to the first ReadyForQuery.
    package let startupDurations = LoopHistogram(.latency)
    /// From the server's first byte to the end of the client's leg.
    package let sessionDurations = LoopHistogram(.session)
    package let lags = LoopHistogram(.latency)

    init() {}
}

/// The ends of a handshake; their difference is the number of handshakes in progress.
package enum HandshakeEvent: CaseIterable, Hashable, Sendable {
    case begun
    case ended
}
