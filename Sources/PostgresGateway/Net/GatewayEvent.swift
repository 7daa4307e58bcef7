import GatewayCore

/// Events that the gateway sends to a connection's handlers through the channel's pipeline.
enum GatewayEvent: Hashable, Sendable {
    /// A session that waited may dial.
    case admitted
    /// A start-up makes way for another.
    case evicted(Limit)
    /// A session that has not authenticated makes way for another.
    case evictedSession(Limit)
    /// The session's branch is gone, stopped or elsewhere.
    case routeGone
    /// The session's branch is where it was.
    case routeReturned
    /// The gateway begins to stop.
    case draining
    /// The gateway's time to stop is over: end in an orderly way.
    case finish
    /// Close without waiting for a peer.
    case closeNow
}
