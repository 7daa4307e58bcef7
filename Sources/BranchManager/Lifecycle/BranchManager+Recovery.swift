import Foundation
import GRDB

extension BranchManager {
    /// An interrupted operation or a deviation from the store, and the result of its recovery.
    package struct Recovery: Hashable, Sendable {
        package var message: String
        /// Whether recovery failed.
        package var isFault = false
        /// Whether the last try had the same error.
        var isKnown = false
    }

    /// Concurrent starts of servers after a boot of the host.
    private static let startsAtATime = 4

    /// Which failed recoveries to retry.
    package enum Retries: Sendable {
        case all
        /// Work that has not been tried for as long as it has been in this state: tries become rarer with time, up to
        /// one in ten minutes. A fault already reported at the last try is not reported again.
        case due
    }

    /// Shortest and longest interval of retries, in seconds.
    private static let retryPauses = 5.0...600.0

    static func isDue(_ last: Date?, since start: Date) -> Bool {
        guard let last else { return true }
        // Do not wait because a clock was set back.
        return !(0..<pause(last, since: start)).contains(Date.now.timeIntervalSince(last))
    }

    /// Delay after a try, in seconds.
    static func pause(_ last: Date, since start: Date) -> TimeInterval {
        min(max(last.timeIntervalSince(start), retryPauses.lowerBound), retryPauses.upperBound)
    }

    /// Finishes or undoes interrupted operations, and updates the store to reality. Called at every start.
    ///
    /// Skips operations that another process is running.
    ///
    /// - Parameters:
    ///   - checkingServers: whether to check the servers of active branches, and start stopped ones.
    ///   - retries: which failed recoveries to retry.
    package func recover(
        checkingServers: Bool,
        retrying retries: Retries = .all
    ) async throws(BranchError) -> [Recovery] {
        var done: [Recovery] = []
        // Usually this read of the store is all there is to do.
        let (running, deleting, seen) = try store.read { db in
            (
                try Operation.filter(Column("status") == Operation.Status.running.rawValue).fetchAll(db),
                try BranchDatabase.filter(Column("isDeleting") == true).order(Column("createdAt"), Column.rowID)
                    .fetchAll(db),
                try BranchStore.branches(db, of: nil)
            )
        }
        for operation in running {
            if retries == .due, !Self.isDue(operation.triedAt, since: operation.startedAt) { continue }
            guard let lock = lockNow(operation.targetId) else { continue }
            // It may have ended between the read and the lock.
            let current = try store.read { db in try Operation.fetchOne(db, key: operation.id) }
            guard let current, current.status == .running else { continue }
            let found = try await recover(current, with: lock)
            if !(retries == .due && found.isFault && found.isKnown) { done.append(found) }
        }
        for database in deleting {
            if let found = try await finishDeletion(of: database, retrying: retries) { done.append(found) }
        }
        if !done.isEmpty { await publishRoutes() }
        var branches = running.isEmpty && deleting.isEmpty ? seen : try store.branches()
        if branches.contains(where: { $0.target.lifecycleStatus == .recovering }) {
            done += try await settleRecovering(retrying: retries)
            branches = try store.branches()
        }
        if checkingServers { done += try await startMissing(of: branches, retrying: retries) }
        if branches.contains(where: { $0.target.passwordState == .pending }) { try await givePendingPasswords() }
        return done
    }

    private func finishDeletion(
        of database: BranchDatabase,
        retrying retries: Retries
    ) async throws(BranchError) -> Recovery? {
        let last = try store.read { db in
            let main = try BranchTarget.filter(
                Column("databaseId") == database.id && Column("name") == BranchName.main
            ).fetchOne(db)
            return try main.flatMap { try Self.lastTry(db, .delete, $0.id) }
        }
        if retries == .due, let last, !Self.isDue(last.finishedAt, since: last.startedAt) { return nil }
        guard let lock = lockNow(database.id) else { return nil }
        let what = "\(database.name): deleting the database was interrupted"
        do throws(BranchError) {
            try await deletion(of: database, with: lock, canStay: false).finish()
            return Recovery(message: "\(what); finished")
        } catch {
            if retries == .due, last?.message == error.description { return nil }
            return Recovery(
                message: "\(what), and cannot be finished: \(error); to forget its branches: "
                    + store.hint.command("database delete \(database.id) --force"),
                isFault: true
            )
        }
    }

    /// Remains of branches on this host that the store does not know, one sentence each. Removes nothing.
    package func strangers() async throws(BranchError) -> [String] {
        let known = try store.knownBranches()
        var found: [String] = []
        for kind in RuntimeKind.allCases { found += await runtimes[kind]?.strangers(knowing: known) ?? [] }
        return found
    }

    /// Starts stopped servers of active branches, after a boot of the host or a crash.
    private func startMissing(
        of branches: [BranchDetails],
        retrying retries: Retries
    ) async throws(BranchError) -> [Recovery] {
        var active = branches.filter { $0.target.lifecycleStatus == .active }
        let running = runtimes.reduce(into: Set<String>()) { running, entry in
            running.formUnion(
                entry.value.surelyRunning(of: active.filter { $0.target.runtime == entry.key }.map { ServerSpec($0) })
            )
        }
        active.removeAll { running.contains($0.target.id) }
        if active.isEmpty { return [] }
        return await withTaskGroup(of: Recovery?.self) { group in
            var done: [Recovery] = []
            for (number, branch) in active.enumerated() {
                if number >= Self.startsAtATime, let result = await group.next(), let result { done.append(result) }
                group.addTask { await self.startIfMissing(branch, retrying: retries) }
            }
            for await result in group {
                if let result { done.append(result) }
            }
            return done
        }
    }

    private func startIfMissing(_ branch: BranchDetails, retrying retries: Retries) async -> Recovery? {
        let name = branch.displayName
        do throws(BranchError) {
            guard try await !runtime(branch.target.runtime).isRunning(ServerSpec(branch)) else { return nil }
        } catch {
            return Recovery(message: "\(name): cannot determine whether it is running: \(error)", isFault: true)
        }
        do throws(BranchError) {
            if let reason = try await restart(branch, retrying: retries) {
                return Recovery(message: "\(name): \(reason)", isFault: true)
            }
            return Recovery(message: "\(name) was not running; started")
        } catch .busy {
            // Another operation is running on it, or has stopped it.
            return nil
        } catch .notFound {
            return nil
        } catch {
            return Recovery(message: "\(name) was not running and could not be started: \(error)", isFault: true)
        }
    }

    /// The reason for undoing an interrupted operation, which may have been cancelled.
    private static func interruption(of operation: Operation) -> BranchError {
        operation.isCancelled ? operation.cancellation : .busy("interrupted; undone")
    }

    private func recover(_ operation: Operation, with lock: OperationLock) async throws(BranchError) -> Recovery {
        let run = resume(operation, with: lock)
        let what = "\(operation.action.rawValue) was interrupted"
        let details: BranchDetails
        do throws(BranchError) {
            details = try store.branch(id: operation.targetId)
        } catch .notFound {
            try run.finish(.failed, branch: nil, message: "interrupted; the branch no longer exists")
            return Recovery(message: "\(what); the branch no longer exists")
        }
        let name = details.displayName
        let step = operation.step.flatMap(OperationStep.init(rawValue:)) ?? .registered
        do throws(BranchError) {
            switch operation.action {
            case .create:
                try await undoCreate(run, details, because: Self.interruption(of: operation))
                return Recovery(message: "\(name): \(what); undone")
            case .start:
                try await finishStart(run, details)
            case .stop, .expire:
                try await finishStop(run, details)
            case .deploy:
                try await finishRestart(run, details, adopting: false)
            case .reset where [.registered, .copying, .copied].contains(step):
                // The branch kept serving: writes since then must not be lost.
                try await undoReset(run, details, because: Self.interruption(of: operation))
                return Recovery(message: "\(name): \(what); undone")
            case .reset:
                try await finishRestart(run, details, adopting: true)
            case .delete:
                try await finishDelete(run, details)
            case .rename:
                try run.finish(.failed, branch: nil, message: "interrupted")
            }
            return Recovery(message: "\(name): \(what); finished")
        } catch {
            // If the operation has ended, the branch has the reason.
            let current = try store.read { db in try Operation.fetchOne(db, key: operation.id) }
            if current?.status == .running { try run.noteTry(error.description) }
            return Recovery(
                message: "\(name): \(what), and cannot be finished: \(error)",
                isFault: true,
                isKnown: operation.message == error.description
            )
        }
    }
}
