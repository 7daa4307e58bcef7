/// The paths that the admin address serves.
package enum AdminPath: String, CaseIterable, Sendable {
    /// 200 while the event loops turn, else 503.
    case liveness = "/healthz"
    /// 200 when the gateway can serve, else 503 with the reasons.
    case readiness = "/readyz"
    /// The metrics, in Prometheus's text format.
    case metrics = "/metrics"
    /// The current sessions: a ``SessionsDocument``.
    case sessions = "/sessions"

    /// All of them, for people.
    package static let list = allCases.map(\.rawValue).joined(separator: ", ")
}
