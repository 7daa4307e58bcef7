package import NIOCore

/// How long the phases of a connection may take, and of the listeners that connections come by.
package struct ConnectionTimes: Sendable {
    /// From accept to a complete first packet.
    package var handshake: TimeAmount
    /// For connecting to a backend, and for waiting for permission to.
    package var connect: TimeAmount
    /// From the dial to AuthenticationOk.
    package var authentication: TimeAmount
    /// Without a byte either way; zero for no limit.
    package var idle: TimeAmount
    /// How long a session whose route went may wait for its server to end it.
    package var routeCloseGrace: TimeAmount

    /// How long a connection that we have ended may stay open for its peer to read the last bytes
    /// and close. Closing at once with unread input would turn into a reset that loses them.
    package var linger = TimeAmount.seconds(5)
    /// How long a backend may take to close after a CancelRequest; pgjdbc waits as long for us.
    package var cancelReply = TimeAmount.seconds(10)
    /// How long a backend may continue a query whose client is gone; until then it can be cancelled.
    package var abandonment = TimeAmount.minutes(5)

    /// How long to try to reopen a lost listener before the gateway gives up and exits.
    package var listenerReopenTimeout = TimeAmount.seconds(30)

    package init(_ configuration: GatewayConfiguration) {
        handshake = configuration.handshakeTimeout
        connect = configuration.connectTimeout
        authentication = configuration.authenticationTimeout
        idle = configuration.idleTimeout
        routeCloseGrace = configuration.routeCloseGrace
    }
}
