import GRDB

extension BranchManager {
    /// What was found half done, or not as the store says, and what became of it.
    package struct Recovery: Hashable, Sendable {
        package var targetID: String
        package var message: String
    }

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
            guard let lock = try? lock(operation.targetId, .exclusive) else { continue }
            // It may have been finished between the look and the lock.
            let current = try store.read { db in try Operation.fetchOne(db, key: operation.id) }
            guard let current, current.status == .running else { continue }
            done.append(Recovery(targetID: operation.targetId, message: try await recover(current, with: lock)))
        }
        for branch in checkingServers ? try store.branches() : [] where branch.target.lifecycleStatus == .active {
            guard let runtime = runtimes[branch.target.runtime] else { continue }
            if await runtime.isRunning(ServerSpec(branch)) { continue }
            // The host was started anew, or the server fell over.
            do throws(BranchError) {
                try await start(branch)
                done.append(
                    Recovery(targetID: branch.target.id, message: "\(branch.displayName) was not running; started")
                )
            } catch {
                done.append(
                    Recovery(
                        targetID: branch.target.id,
                        message: "\(branch.displayName) was not running and does not start: \(error)"
                    )
                )
            }
        }
        if checkingServers || !done.isEmpty { await routes.routesChanged() }
        return done
    }

    private func recover(_ operation: Operation, with lock: OperationLock) async throws(BranchError) -> String {
        let run = resume(operation, with: lock)
        let what = "\(operation.action.rawValue) was interrupted"
        let details: BranchDetails
        do throws(BranchError) {
            details = try store.branch(id: operation.targetId)
        } catch .notFound {
            try run.finish(.failed, branch: nil, message: "interrupted; the branch is gone")
            return "\(what); the branch is gone"
        }
        let name = details.displayName
        let step = operation.step.flatMap(OperationStep.init(rawValue:)) ?? .registered
        do throws(BranchError) {
            switch operation.action {
            case .create:
                try await undoCreate(run, details, because: "interrupted; undone")
                return "\(name): \(what); undone"
            case .start:
                try await finishStart(run, details)
            case .stop:
                try await finishStop(run, details)
            case .deploy:
                try await finishRestart(run, details, adopting: false)
            case .reset where [.registered, .copying, .copied].contains(step):
                // The branch went on serving: what was written to it since is not to be lost.
                try await undoReset(run, details, because: "interrupted; undone")
                return "\(name): \(what); undone"
            case .reset:
                try await finishRestart(run, details, adopting: true)
            case .delete:
                try await finishDelete(run, details)
            case .rename:
                try run.finish(.failed, branch: nil, message: "interrupted")
            }
            return "\(name): \(what); finished"
        } catch {
            return "\(name): \(what), and cannot be finished: \(error)"
        }
    }
}
