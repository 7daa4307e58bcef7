/// What a copy of a server that runs takes of it.
extension LocalRuntime {
    /// Connections for replication that `pg_basebackup` takes: one for the data and one for the log.
    private static let senders = 2
    /// How long those of a copy that has just ended may take to go, in tries a quarter of a second apart: five seconds.
    private static let tries = 20

    /// Sees that a server has what a copy takes, by asking it: a copy that finds none left fails only after its
    /// checkpoint.
    ///
    /// - Throws: ``BranchError/runtime(_:)`` with what is used up.
    func checkSenders(of source: ServerSpec) async throws(BranchError) {
        for attempt in 1... {
            let answer = try await psql(
                source,
                "SELECT current_setting('max_wal_senders')::int, (SELECT count(*) FROM pg_stat_replication), "
                    + "current_setting('max_replication_slots')::int, (SELECT count(*) FROM pg_replication_slots)"
            )
            let numbers = answer.split(whereSeparator: { $0 == "|" || $0.isNewline }).compactMap { Int($0) }
            // One that answers otherwise is left to pg_basebackup.
            guard numbers.count == 4 else { return }
            if numbers[0] - numbers[1] >= Self.senders, numbers[2] > numbers[3] { return }
            guard attempt < Self.tries else {
                throw .runtime(
                    "the branch '\(source.targetName)' cannot be copied now: a copy takes \(Self.senders) connections for "
                        + "replication and a slot; \(numbers[1]) of \(numbers[0]) (max_wal_senders) and \(numbers[3]) of "
                        + "\(numbers[2]) (max_replication_slots) are in use"
                )
            }
            try? await Task.sleep(for: .milliseconds(250))
        }
    }
}
