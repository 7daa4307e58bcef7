/// Replication connections and the slot that `pg_basebackup` needs on its source.
enum CopySenders {
    /// One for the data and one for the log.
    private static let count = 2
    /// How long to wait for those of a previous copy to go, in tries a quarter of a second apart: five seconds.
    private static let tries = 20

    /// Checks that a server has them available: otherwise a copy fails only after its checkpoint.
    ///
    /// - Parameter query: queries the server; columns are separated by `|`.
    /// - Throws: ``BranchError/runtime(_:)`` with the exhausted resource.
    static func check(
        _ source: ServerSpec,
        query: (String) async throws(BranchError) -> String
    ) async throws(BranchError) {
        for attempt in 1... {
            let answer = try await query(
                "SELECT current_setting('max_wal_senders')::int, (SELECT count(*) FROM pg_stat_replication), "
                    + "current_setting('max_replication_slots')::int, (SELECT count(*) FROM pg_replication_slots)"
            )
            let numbers = answer.split(whereSeparator: { $0 == "|" || $0.isNewline }).compactMap { Int($0) }
            // Leave an unexpected answer to pg_basebackup.
            guard numbers.count == 4 else { return }
            if numbers[0] - numbers[1] >= count, numbers[2] > numbers[3] { return }
            guard attempt < tries else {
                throw .runtime(
                    "the branch '\(source.targetName)' cannot be copied now: a copy takes \(count) connections for "
                        + "replication and a slot; \(numbers[1]) of \(numbers[0]) (max_wal_senders) and \(numbers[3]) of "
                        + "\(numbers[2]) (max_replication_slots) are in use"
                )
            }
            try? await Task.sleep(for: .milliseconds(250))
        }
    }
}
