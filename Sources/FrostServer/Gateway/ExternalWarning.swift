package import Foundation

/// Why a correct external connection string may not work now.
package enum ExternalWarning: String, CaseIterable, Sendable {
    /// The gateway is not running, does not answer, or reports that it refuses clients.
    case gatewayUnreachable = "gateway_unreachable"
    /// Clients that verify hostnames refuse the certificate; others can connect.
    case hostnameNotCovered = "hostname_not_covered"

    /// - Parameter hostname: of a branch behind the gateway.
    package init?(_ condition: GatewayCondition, for hostname: String, at now: Date = .now) {
        if condition.isUnreachable {
            self = .gatewayUnreachable
        } else if condition.leavesUncovered(hostname, at: now) {
            self = .hostnameNotCovered
        } else {
            return nil
        }
    }

    /// In words, with the next step.
    package func trouble(_ condition: GatewayCondition, for hostname: String) -> GatewayTrouble? {
        switch self {
        case .gatewayUnreachable: GatewayTrouble(condition)
        case .hostnameNotCovered: .uncovered(hostname)
        }
    }
}
