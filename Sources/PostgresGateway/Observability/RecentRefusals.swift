package import GatewayContract
package import GatewayCore
package import NIOCore
import RouteMap
import Synchronization

/// The last refusals, by kind, for ``SessionsDocument/refusals``.
///
/// Holds at most ``SessionsDocument/Refusal/most`` kinds, each a reason, a hint and the id of a branch of the route map:
/// a flood of one kind displaces no other, and nothing that a client sent is kept.
package final class RecentRefusals: Sendable {
    private struct Kind: Hashable {
        var reason: RefusalReason
        var hint: String
        var target: String?
    }

    private struct Entry {
        var kind: Kind
        var count: UInt64
        var last: NIODeadline
    }

    /// The latest last.
    private let entries = Mutex<[Entry]>([])

    package init() {}

    package func note(_ refusal: Refusal, at now: NIODeadline = .now()) {
        let kind = Kind(reason: refusal.reason, hint: refusal.hint, target: refusal.target?.id)
        entries.withLock { entries in
            var entry = Entry(kind: kind, count: 0, last: now)
            if let index = entries.lastIndex(where: { $0.kind == kind }) {
                entry = entries.remove(at: index)
            } else if entries.count == SessionsDocument.Refusal.most {
                entries.removeFirst()
            }
            entry.count += 1
            entry.last = now
            entries.append(entry)
        }
    }

    /// The latest first.
    ///
    /// - Parameter hostnames: of the route map, by branch; called only when a branch was asked for.
    package func documents(
        hostnames: () -> [String: String],
        at now: NIODeadline = .now()
    ) -> [SessionsDocument.Refusal] {
        let entries = entries.withLock { $0 }
        let hostnames = entries.contains { $0.kind.target != nil } ? hostnames() : [:]
        return entries.reversed().map { entry in
            SessionsDocument.Refusal(
                reason: entry.kind.reason.rawValue,
                target: entry.kind.target,
                hostname: entry.kind.target.flatMap { hostnames[$0] },
                count: entry.count,
                ageSeconds: Int((now - entry.last).nanoseconds / 1_000_000_000),
                hint: entry.kind.hint
            )
        }
    }
}
