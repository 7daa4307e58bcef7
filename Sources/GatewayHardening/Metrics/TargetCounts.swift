package import GatewayCore
import Synchronization

/// The counts of one branch since the route map has listed it.
package struct TargetCount: Hashable, Sendable {
    /// Sessions that its server has answered.
    package var sessions = 0
    package var authenticationFailures = 0
    package var dialFailures: [DialFailure: Int] = [:]
    /// From clients to the branch.
    package var bytesIn = 0
    /// From the branch to clients.
    package var bytesOut = 0

    package init() {}
}

/// Counts of the branches that the route map lists, stopped ones included, by id.
///
/// Under a lock: nothing is counted here more than a few times in a session.
package final class TargetCounts: Sendable {
    private let counts = Mutex<[String: TargetCount]>([:])

    package init() {}

    /// Forgets the branches that are not among these. One that comes back starts at zero.
    package func keep(_ targets: some Sequence<String>) {
        counts.withLock { counts in
            counts = Dictionary(targets.map { ($0, counts[$0] ?? TargetCount()) }) { first, _ in first }
        }
    }

    /// Counts something of a branch, if the route map still lists it.
    package func count(_ target: String, _ change: (inout TargetCount) -> Void) {
        counts.withLock { counts in
            guard let index = counts.index(forKey: target) else { return }
            change(&counts.values[index])
        }
    }

    /// All of them, at one time.
    package var all: [String: TargetCount] { counts.withLock { $0 } }
}
