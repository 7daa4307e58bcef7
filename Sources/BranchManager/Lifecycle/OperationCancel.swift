import GRDB

extension Operation {
    /// Why it cannot be cancelled now; nil when it can.
    ///
    /// What makes data can: a new branch goes, a reset leaves the data that there was. Once a reset has taken the
    /// branch out of the routes it is all but done, and everything else is done in moments.
    package var uncancellable: BranchError? {
        guard status == .running else {
            return .notAllowed("the operation has ended (\(status.rawValue)); there is nothing to cancel")
        }
        switch action {
        case .create: return nil
        case .reset:
            let reached = step.flatMap(OperationStep.init(rawValue:)) ?? .registered
            if [.registered, .copying, .copied].contains(reached) { return nil }
            return .notAllowed(
                "the copy is complete and is replacing the branch's data; it can no longer be cancelled"
            )
        case .start, .stop, .expire, .deploy, .rename, .delete:
            return .notAllowed(
                "a \(action.rawValue) cannot be cancelled; only a create, reset or import can"
            )
        }
    }

    package var canBeCancelled: Bool { uncancellable == nil && !isCancelled }

    /// What a cancel has left.
    var cancellation: BranchError {
        action == .create
            ? .cancelled("cancelled; nothing was left behind") : .cancelled("cancelled; the branch keeps its data")
    }
}

extension BranchError {
    /// How an operation has ended that threw this.
    var outcome: Operation.Status {
        if case .cancelled = self { .cancelled } else { .failed }
    }
}

extension BranchStore {
    static func isCancelled(_ db: Database, _ id: String) throws -> Bool {
        try Bool.fetchOne(db, sql: "SELECT isCancelled FROM operation WHERE id = ?", arguments: [id]) ?? false
    }

    /// Requests the end of an operation; the process that runs it, this one or another, checks twice a second.
    ///
    /// - Returns: the operation, which is still running.
    /// - Throws: ``BranchError/notFound(_:)``, and ``BranchError/notAllowed(_:)`` when it cannot be cancelled now.
    package func cancel(operation id: String) throws(BranchError) -> Operation {
        try write(urgent: true) { db in
            guard var operation = try Operation.fetchOne(db, key: id) else {
                throw BranchError.notFound("there is no operation \(id)")
            }
            if let reason = operation.uncancellable { throw reason }
            operation.isCancelled = true
            try db.execute(sql: "UPDATE operation SET isCancelled = 1 WHERE id = ?", arguments: [id])
            return operation
        }
    }
}

extension BranchManager {
    /// Between two looks whether an operation was cancelled.
    private static let cancelInterval = Duration.milliseconds(500)

    private enum Part<Value: Sendable>: Sendable {
        case ended(Result<Value, BranchError>)
        case watched(isCancelled: Bool)
    }

    /// Runs a cancellable part of an operation: a cancel request cancels its task.
    ///
    /// - Throws: ``BranchError/cancelled(_:)`` also when the part was done at the same moment.
    func cancellable<Value: Sendable>(
        _ run: OperationRun,
        _ body: @escaping @Sendable () async throws(BranchError) -> Value
    ) async throws(BranchError) -> Value {
        let (result, isCancelled) = await withTaskGroup(of: Part<Value>.self) { group in
            group.addTask {
                do throws(BranchError) {
                    return .ended(.success(try await body()))
                } catch {
                    return .ended(.failure(error))
                }
            }
            group.addTask { .watched(isCancelled: await self.waitForCancel(of: run)) }
            var result = Result<Value, BranchError>.failure(run.operation.cancellation)
            var isCancelled = false
            for await part in group {
                switch part {
                case .ended(let ended): result = ended
                case .watched(let asked): isCancelled = asked
                }
                group.cancelAll()
            }
            return (result, isCancelled)
        }
        guard !isCancelled, !Task.isCancelled else { throw run.operation.cancellation }
        return try result.get()
    }

    /// - Returns: whether a cancel was requested; false if the task was cancelled.
    private func waitForCancel(of run: OperationRun) async -> Bool {
        while !Task.isCancelled {
            // Told to all who look at it.
            if isCancelling() { _ = try? store.cancel(operation: run.id) }
            let isCancelled = try? store.read { db in try BranchStore.isCancelled(db, run.id) }
            if isCancelled == true || isCancelling() { return true }
            try? await Task.sleep(for: Self.cancelInterval)
        }
        return false
    }

    /// Brings something to its end although the task around it may have been cancelled, which would end its programs.
    static func uncancelled(
        _ body: @escaping @Sendable () async throws(BranchError) -> Void
    ) async throws(BranchError) {
        let result = await Task(executorPreference: BlockingWork.executor) { () async -> Result<Void, BranchError> in
            do throws(BranchError) {
                try await body()
                return .success(())
            } catch {
                return .failure(error)
            }
        }.value
        try result.get()
    }

    /// Cancels an operation of any process and waits for its end. An operation whose process is gone is undone here.
    ///
    /// - Returns: the operation as it ended: cancelled, or succeeded if it finished first.
    /// - Throws: as ``BranchStore/cancel(operation:)`` does, and ``BranchError/busy(_:)`` when this process is asked to
    ///   stop meanwhile; it stays cancelled then.
    package func cancel(_ operation: Operation) async throws(BranchError) -> Operation {
        _ = try store.cancel(operation: operation.id)
        while true {
            let current = try store.operation(id: operation.id)
            guard current.status == .running else {
                // A look may have made its lock anew.
                if (try? store.branch(id: current.targetId)) == nil { forgetLock(current.targetId) }
                return current
            }
            let isAbandoned = lockNow(current.targetId) != nil
            // Left behind by a crash. Recovery takes the lock itself, and looks again whether it still runs.
            if isAbandoned { _ = try await recover(checkingServers: false, retrying: .due) }
            guard !isStopping(), !Task.isCancelled else {
                throw .busy("stopped waiting; the cancellation continues")
            }
            try? await Task.sleep(for: Self.cancelInterval)
        }
    }
}
