import Synchronization

/// How connections ended, counted. A closed set: the values are labels of metrics.
package enum ConnectionOutcome: Hashable, Sendable {
    /// Relayed to a backend, and over.
    case relayed
    /// A CancelRequest whose key was known and that was passed on.
    case cancelForwarded
    /// A CancelRequest whose key no open session has.
    case cancelUnknown
    /// A CancelRequest whose backend could not be reached.
    case cancelFailed
    case refused(RefusalReason)
    case closed(ConnectionMachine.CloseReason)

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

/// Counts of outcomes since the start.
package final class OutcomeCounters: Sendable {
    private let counts = Mutex<[ConnectionOutcome: Int]>([:])

    func count(_ outcome: ConnectionOutcome) {
        counts.withLock { $0[outcome, default: 0] += 1 }
    }

    package subscript(outcome: ConnectionOutcome) -> Int {
        counts.withLock { $0[outcome, default: 0] }
    }
}
