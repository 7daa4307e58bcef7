import GatewayHardening

extension AdmissionLimits {
    init(_ configuration: GatewayConfiguration) {
        self.init(
            maxStartups: configuration.maxStartups,
            maxStartupsPerAddress: configuration.maxStartupsPerAddress,
            maxHandshakes: configuration.maxHandshakes,
            maxConnections: configuration.maxConnections,
            maxConnectionsPerRoute: configuration.maxConnectionsPerRoute,
            maxConnectionsPerAddress: configuration.maxConnectionsPerAddress,
            maxUnauthenticatedPerRoute: configuration.maxUnauthenticatedPerRoute,
            maxUnauthenticatedPerAddress: configuration.maxUnauthenticatedPerAddress,
            maxAuthenticationFailures: configuration.maxAuthenticationFailures
        )
    }
}
