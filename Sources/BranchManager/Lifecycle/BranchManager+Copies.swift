extension BranchManager {
    /// Between two looks whether it is a copy's turn; while it waits only.
    private static let turnInterval = Duration.milliseconds(100)

    /// Copies the data of `source` beside that of `branch`, when it is its turn: copies of one branch are made one after
    /// the other, over all processes, since each takes connections and checkpoints of the same server.
    ///
    /// - Returns: what was turned off in the copy.
    /// - Throws: ``BranchError/busy(_:)`` when this process is asked to stop while it waits, and what the runtime throws.
    func copy(
        _ run: OperationRun,
        from source: BranchDetails,
        to branch: BranchDetails
    ) async throws(BranchError) -> [String] {
        let turn = try await turn(of: source)
        let copied = copied
        let turnedOff = try await runtime(branch.target.runtime).copy(
            from: ServerSpec(source),
            to: ServerSpec(branch)
        ) { progress in
            run.note(progress)
            copied(progress)
        }
        withExtendedLifetime(turn) {}
        return turnedOff
    }

    private func turn(of source: BranchDetails) async throws(BranchError) -> OperationLock {
        while true {
            do throws(BranchError) {
                return try OperationLock(Self.turnName(source.target.id), .exclusive, in: locks)
            } catch .busy {
                guard !isStopping(), !Task.isCancelled else {
                    throw .busy(
                        "interrupted while waiting to copy '\(source.target.name)'; other copies are running"
                    )
                }
                try? await Task.sleep(for: Self.turnInterval)
            }
        }
    }

    /// Of the lock that a copy holds, beside that of the branch itself.
    static func turnName(_ targetID: String) -> String { "\(targetID).copy" }
}
