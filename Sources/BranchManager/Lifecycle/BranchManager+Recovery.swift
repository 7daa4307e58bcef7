import GRDB

extension BranchManager {
    /// What was found half done, or not as the store says, and what became of it.
    package struct Recovery: Hashable, Sendable {
        package var message: String
        /// Whether it could not be made good.
        package var isFault = false
    }

    /// How many servers are started at a time, after the host was.
    private static let startsAtATime = 4

    /// Finishes or undoes what a crash has left behind, and makes the store true: called at every start.
    ///
    /// What another process is working on is left to it.
    ///
    /// - Parameter checkingServers: whether to look for the servers of active branches, and start those that do not run.
    package func recover(checkingServers: Bool) async throws(BranchError) -> [Recovery] {
        var done: [Recovery] = []
        let running = try store.read { db in
            try Operation.filter(Column("status") == Operation.Status.running.rawValue).fetchAll(db)
        }
        for operation in running {
            guard let lock = lockNow(operation.targetId) else { continue }
            // It may have been finished between the look and the lock.
            let current = try store.read { db in try Operation.fetchOne(db, key: operation.id) }
            guard let current, current.status == .running else { continue }
            done.append(try await recover(current, with: lock))
        }
        for database in try store.databases() where database.isDeleting {
            guard let lock = lockNow(database.id) else { continue }
            let what = "\(database.name): deleting the database was interrupted"
            do throws(BranchError) {
                try await deletion(of: database, with: lock, mayStay: false).finish()
                done.append(Recovery(message: "\(what); finished"))
            } catch {
                done.append(Recovery(message: "\(what), and cannot be finished: \(error)", isFault: true))
            }
        }
        if !done.isEmpty { await tellRoutes() }
        if checkingServers { done += try await startMissing() }
        return done
    }

    /// Starts the servers of active branches that do not run: the host was started anew, or they fell over.
    private func startMissing() async throws(BranchError) -> [Recovery] {
        let active = try store.branches().filter { $0.target.lifecycleStatus == .active }
        return await withTaskGroup(of: Recovery?.self) { group in
            var done: [Recovery] = []
            for (number, branch) in active.enumerated() {
                if number >= Self.startsAtATime, let result = await group.next(), let result { done.append(result) }
                group.addTask { await self.startIfMissing(branch) }
            }
            for await result in group {
                if let result { done.append(result) }
            }
            return done
        }
    }

    private func startIfMissing(_ branch: BranchDetails) async -> Recovery? {
        let name = branch.displayName
        do throws(BranchError) {
            guard try await !runtime(branch.target.runtime).isRunning(ServerSpec(branch)) else { return nil }
        } catch {
            return Recovery(message: "\(name): nobody can tell whether it runs: \(error)", isFault: true)
        }
        do throws(BranchError) {
            try await startAgain(branch)
            return Recovery(message: "\(name) was not running; started")
        } catch .busy {
            // Somebody is at work on it, or has stopped it meanwhile.
            return nil
        } catch .notFound {
            return nil
        } catch {
            return Recovery(message: "\(name) was not running and does not start: \(error)", isFault: true)
        }
    }

    private func recover(_ operation: Operation, with lock: OperationLock) async throws(BranchError) -> Recovery {
        let run = resume(operation, with: lock)
        let what = "\(operation.action.rawValue) was interrupted"
        let details: BranchDetails
        do throws(BranchError) {
            details = try store.branch(id: operation.targetId)
        } catch .notFound {
            try run.finish(.failed, branch: nil, message: "interrupted; the branch is gone")
            return Recovery(message: "\(what); the branch is gone")
        }
        let name = details.displayName
        let step = operation.step.flatMap(OperationStep.init(rawValue:)) ?? .registered
        do throws(BranchError) {
            switch operation.action {
            case .create:
                try await undoCreate(run, details, because: "interrupted; undone")
                return Recovery(message: "\(name): \(what); undone")
            case .start:
                try await finishStart(run, details)
            case .stop:
                try await finishStop(run, details)
            case .deploy:
                try await finishRestart(run, details, adopting: false)
            case .reset where [.registered, .copying, .copied].contains(step):
                // The branch went on serving: what was written to it since is not to be lost.
                try await undoReset(run, details, because: "interrupted; undone")
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
            return Recovery(message: "\(name): \(what), and cannot be finished: \(error)", isFault: true)
        }
    }
}
