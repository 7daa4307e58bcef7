package import Foundation

/// Why an external connection string may not work now, though it is right.
package enum ExternalWarning: String, CaseIterable, Sendable {
    /// The gateway does not run, does not answer, or says that it serves nobody.
    case gatewayUnreachable = "gateway_unreachable"
    /// Clients that verify hostnames refuse the certificate; the others connect.
    case hostnameNotCovered = "hostname_not_covered"

    /// - Parameter hostname: of a branch that is reached through the gateway.
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
