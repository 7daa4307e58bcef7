package import Foundation
import GRDB
import Synchronization

/// Watches branches with an expiry: stops those unused for their time to live, and deletes those expired for
/// ``BranchExpiry/keptSeconds``.
///
/// One for each data directory, in the long-running process (`frost up`); without it, nothing expires.
package final class ExpiryWatch: Sendable {
    /// Interval of observations, in seconds. PostgreSQL counts the sessions between them.
    package static let interval: TimeInterval = 60
    /// Concurrent queries of servers.
    private static let looksAtATime = 4

    private let manager: BranchManager
    /// By branch.
    private let machines = Mutex<[String: ExpiryMachine]>([:])

    package init(_ manager: BranchManager) { self.manager = manager }

    /// Observes each branch with an expiry once.
    ///
    /// - Parameters:
    ///   - now: never earlier than at the previous observation.
    ///   - date: of the host's clock, right or wrong.
    /// - Returns: actions and failures.
    /// - Throws: ``BranchError/store(_:)`` when the store cannot be read.
    package func look(
        at now: ContinuousClock.Instant = .now,
        date: Date = .now
    ) async throws(BranchError) -> [BranchManager.Recovery] {
        let branches = try manager.store.branches().filter { $0.expiry != nil }
        let known = Set(branches.map(\.target.id))
        machines.withLock { machines in machines = machines.filter { known.contains($0.key) } }
        return await withTaskGroup(of: BranchManager.Recovery?.self) { group in
            var done: [BranchManager.Recovery] = []
            for (number, branch) in branches.enumerated() {
                if number >= Self.looksAtATime, let result = await group.next(), let result { done.append(result) }
                group.addTask { await self.look(at: branch, now, date) }
            }
            for await result in group {
                if let result { done.append(result) }
            }
            return done
        }
    }

    private func look(
        at branch: BranchDetails,
        _ now: ContinuousClock.Instant,
        _ date: Date
    ) async -> BranchManager.Recovery? {
        let id = branch.target.id
        let sight = await sight(of: branch)
        // Read it again: the branch may have been used or changed during the query.
        guard let sight, let current = try? manager.store.branch(id: id), current.target == branch.target,
            let row = current.expiry
        else {
            machines.withLock { $0[id, default: ExpiryMachine()].looked() }
            return nil
        }
        let decision = machines.withLock { machines in
            machines[id, default: ExpiryMachine()].looked(sight, row, at: now, date: date)
        }
        do throws(BranchError) {
            switch decision {
            case .nothing: return nil
            case .keep(let new):
                try manager.store.write { db in
                    // A setting changed in the meantime takes precedence.
                    if try BranchExpiry.fetchOne(db, key: id) == row { try new.update(db) }
                }
                return nil
            case .expire(let new): return try await manager.expire(current, from: row, to: new)
            case .delete: return try await manager.deleteExpired(current, as: row)
            }
        } catch .busy {
            // Another operation is running on it, or has changed it.
            return nil
        } catch .notFound {
            return nil
        } catch {
            let what =
                current.target.lifecycleStatus == .expired
                ? "has expired, but could not be deleted" : "could not expire"
            return BranchManager.Recovery(message: "\(current.displayName) \(what): \(error)", isFault: true)
        }
    }

    /// - Returns: nil when its use cannot be determined, or it cannot expire now.
    private func sight(of branch: BranchDetails) async -> ExpiryMachine.Sight? {
        let server = ServerSpec(branch)
        guard let runtime = try? manager.runtime(branch.target.runtime) else { return nil }
        switch branch.target.lifecycleStatus {
        case .active: return (try? await runtime.use(server)).map { .running($0) }
        case .stopped where !branch.target.hasFailed, .expired:
            // A server started without frost is in use.
            guard (try? await runtime.isRunning(server)) == false else { return nil }
            return branch.target.lifecycleStatus == .expired ? .expired : .stopped
        default: return nil
        }
    }
}
