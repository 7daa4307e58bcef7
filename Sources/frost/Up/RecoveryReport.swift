import BranchManager

/// Prints the findings of checks on branches. Reports the same fault once for as long as it lasts.
struct RecoveryReport {
    private var faults: Set<String> = []

    /// Runs a check, and prints what was done and what failed.
    ///
    /// - Parameter look: the check; it finishes its work even when the caller's task is cancelled.
    mutating func of(_ look: @escaping @Sendable () async throws -> [BranchManager.Recovery]) async {
        let task = Task(executorPreference: BlockingWork.executor) { try await look() }
        do {
            let found = try await task.value
            for recovery in found where !(recovery.isFault && faults.contains(recovery.message)) {
                ErrorOutput.print(recovery.message)
            }
            faults = Set(found.filter(\.isFault).map(\.message))
        } catch {
            if faults.insert("\(error)").inserted { ErrorOutput.print("\(error)") }
        }
    }
}
