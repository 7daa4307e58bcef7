package import GatewayContract
package import GatewayCore
import NIOCore

extension Readiness {
    /// Report a reached limit for this long.
    static let recentLimits = TimeAmount.seconds(60)
}

extension Readiness.Finding {
    /// The finding about limits that were reached; nil if none was.
    package init?(limitsHit limits: [Limit]) {
        guard !limits.isEmpty else { return nil }
        code = .limitReached
        let names = limits.map { "\($0.rawValue) (\($0.variable.environmentName))" }.joined(separator: ", ")
        message =
            "\(limits.count == 1 ? "a limit was" : "limits were") reached within the last minute: \(names); "
            + "see \(MetricName.limitRejections.rawValue) and \(MetricName.evictions.rawValue)"
    }
}

extension Limit {
    /// The setting that moves it; a route's own `maxConnections` wins over that of branches.
    package var variable: GatewayVariable {
        switch self {
        case .startups: .maxStartups
        case .startupsPerAddress: .maxStartupsPerAddress
        case .handshakes: .maxHandshakes
        case .connections: .maxConnections
        case .connectionsPerRoute: .maxConnectionsPerRoute
        case .connectionsPerAddress: .maxConnectionsPerAddress
        case .unauthenticatedPerRoute: .maxUnauthenticatedPerRoute
        case .unauthenticatedPerAddress: .maxUnauthenticatedPerAddress
        case .authenticationFailures: .maxAuthenticationFailures
        }
    }
}
