import GRDB

/// The connections of a store that is open. The last to let go of them leaves the whole store in its one file.
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
        // The one that may write goes last: only such a one removes the log.
        try? watcher.close()
        pool.invalidateReadOnlyConnections()
        try? pool.close()
        reserve.restore()
    }

    /// Moves the log into the store's file, as far as others let it: a copy of the file alone is whole then.
    func checkpoint() {
        try? pool.writeWithoutTransaction { db in
            let timeout = try Int.fetchOne(db, sql: "PRAGMA busy_timeout") ?? 0
            try db.execute(sql: "PRAGMA busy_timeout = \(Self.timeout)")
            // One that is in the way does it when it ends.
            _ = try? db.checkpoint(.truncate)
            try db.execute(sql: "PRAGMA busy_timeout = \(timeout)")
        }
    }
}
