/// How connections ended, counted. A closed set: the values are labels of metrics.
package enum ConnectionOutcome: Hashable, CaseIterable, Sendable {
    /// Relayed to a backend, and over.
    case relayed
    /// A CancelRequest whose key was known and that was passed on.
    case cancelForwarded
    /// A CancelRequest whose key no open session has.
    case cancelUnknown
    /// A CancelRequest whose backend could not be reached, or did not answer in time.
    case cancelFailed
    case refused(RefusalReason)
    case closed(CloseReason)

    package static let allCases: [ConnectionOutcome] =
        [relayed, cancelForwarded, cancelUnknown, cancelFailed] + RefusalReason.allCases.map(refused)
        + CloseReason.allCases.map(closed)

    package var label: String {
        switch self {
        case .relayed: "relayed"
        case .cancelForwarded: "cancel_forwarded"
        case .cancelUnknown: "cancel_unknown"
        case .cancelFailed: "cancel_failed"
        case .refused(let reason): reason.rawValue
        case .closed(let reason): reason.rawValue
        }
    }
}
