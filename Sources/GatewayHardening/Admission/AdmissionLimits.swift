package import NIOCore

/// The bounds of admission. 0 means no limit where it is said.
package struct AdmissionLimits: Hashable, Sendable {
    /// Connections in start-up, lingers included.
    package var maxStartups: Int
    package var maxStartupsPerAddress: Int
    /// Handshakes that wait for their turn.
    package var maxHandshakes: Int
    /// Sessions.
    package var maxConnections: Int
    /// 0: no limit. A route's own limit wins.
    package var maxConnectionsPerRoute: Int
    /// 0: no limit.
    package var maxConnectionsPerAddress: Int
    /// Sessions between dial and AuthenticationOk.
    package var maxUnauthenticatedPerRoute: Int
    package var maxUnauthenticatedPerAddress: Int
    /// Failed logins of one address at one branch in ``failureWindow``. 0: no limit.
    package var maxAuthenticationFailures: Int

    package init(
        maxStartups: Int,
        maxStartupsPerAddress: Int,
        maxHandshakes: Int,
        maxConnections: Int,
        maxConnectionsPerRoute: Int = 0,
        maxConnectionsPerAddress: Int = 0,
        maxUnauthenticatedPerRoute: Int,
        maxUnauthenticatedPerAddress: Int,
        maxAuthenticationFailures: Int = 0
    ) {
        self.maxStartups = maxStartups
        self.maxStartupsPerAddress = maxStartupsPerAddress
        self.maxHandshakes = maxHandshakes
        self.maxConnections = maxConnections
        self.maxConnectionsPerRoute = maxConnectionsPerRoute
        self.maxConnectionsPerAddress = maxConnectionsPerAddress
        self.maxUnauthenticatedPerRoute = maxUnauthenticatedPerRoute
        self.maxUnauthenticatedPerAddress = maxUnauthenticatedPerAddress
        self.maxAuthenticationFailures = maxAuthenticationFailures
    }

    /// Connections that have been answered and have only to close.
    package var maxLingers: Int { max(1, maxStartups / 4) }

    /// A session that has not authenticated may be ended in favour of another after this time.
    package static let unauthenticatedGrace = TimeAmount.seconds(2)
    /// In which failed logins are counted.
    package static let failureWindow = TimeAmount.seconds(150)
    /// How long an address is refused at a branch after too many.
    package static let failurePenalty = TimeAmount.seconds(60)
}
