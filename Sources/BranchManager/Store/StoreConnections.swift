import GRDB

/// The connections of an open store. Closing the last one leaves the whole store in a single file.
final class StoreConnections: Sendable {
    let pool: DatabasePool
    /// A connection that writes nothing, so that it notices all changes.
    let watcher: DatabaseQueue

    /// How long a process waits at its end for readers of other processes, in milliseconds: the last one finds none.
    private static let timeout = 250

    private let reserve: StoreReserve

    init(pool: DatabasePool, watcher: DatabaseQueue, reserve: StoreReserve) {
        self.pool = pool
        self.reserve = reserve
        self.watcher = watcher
    }

    deinit {
        checkpoint()
        // Close the writer last: only it removes the log.
        try? watcher.close()
        pool.invalidateReadOnlyConnections()
        try? pool.close()
        reserve.restore()
    }

    /// Checkpoints the log into the store's file as far as others allow, so that a copy of the file alone is complete.
    func checkpoint() {
        try? pool.writeWithoutTransaction { db in
            let timeout = try Int.fetchOne(db, sql: "PRAGMA busy_timeout") ?? 0
            try db.execute(sql: "PRAGMA busy_timeout = \(Self.timeout)")
            // A process that blocks this does it at its end.
            _ = try? db.checkpoint(.truncate)
            try db.execute(sql: "PRAGMA busy_timeout = \(timeout)")
        }
    }
}
