/// What the admin address serves.
package enum AdminPath: String, CaseIterable, Sendable {
    /// 200 while the event loops turn, else 503.
    case liveness = "/healthz"
    /// 200 when the gateway can serve, else 503 with the reasons.
    case readiness = "/readyz"
    /// What Prometheus reads.
    case metrics = "/metrics"
    /// Who is connected: a ``SessionsDocument``.
    case sessions = "/sessions"

    /// All of them, for people.
    package static let list = allCases.map(\.rawValue).joined(separator: ", ")
}
