package import NIOCore
package import PostgresWire
import Synchronization

/// Which backend a cancel key belongs to, for the sessions that are open now.
///
/// Process ids of different branches collide and even whole keys may, so a key that more than one
/// backend has given out is answered like an unknown one: a cancel is never sent to a guess.
package final class CancelKeys: Sendable {
    private let sessions = Mutex<[CancelKey: [ConnectionID: SocketAddress]]>([:])

    package init() {}

    package func add(_ key: CancelKey, session: ConnectionID, backend: SocketAddress) {
        sessions.withLock { $0[key, default: [:]][session] = backend }
    }

    package func remove(_ key: CancelKey, session: ConnectionID) {
        sessions.withLock { sessions in
            sessions[key]?[session] = nil
            if sessions[key]?.isEmpty == true { sessions[key] = nil }
        }
    }

    /// The backend of a key; nil when no open session, or sessions of several backends, have it.
    package func backend(for key: CancelKey) -> SocketAddress? {
        sessions.withLock { sessions in
            guard let found = sessions[key], let first = found.first?.value else { return nil }
            return found.values.allSatisfy { $0 == first } ? first : nil
        }
    }

    /// How many keys are known.
    package var count: Int { sessions.withLock { $0.count } }
}
