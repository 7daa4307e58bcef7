import Foundation
package import GRDB

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The store of branches in SQLite: WAL, foreign keys, one writer, many readers, several processes.
package struct BranchStore: Sendable {
    private let connections: StoreConnections
    private let path: String
    private let place: FileIdentity.Place?
    let reserve: StoreReserve
    /// For commands in messages.
    package let hint: CommandHint
    private let accessed: (@Sendable () -> Void)?

    var file: String { path }

    /// How long a write waits for that of another process, in seconds.
    private static let busyTimeout: TimeInterval = 20

    /// Opens the store in a data directory; creates or migrates it if necessary.
    ///
    /// Does not change a foreign file, or a store that does not match the data of branches beside it.
    ///
    /// - Parameters:
    ///   - making: whether to create a missing store.
    ///   - hint: for commands in messages.
    ///   - accessed: called on the thread of each access to the open store, before it blocks.
    /// - Throws: ``BranchError`` that names the file.
    package static func open(
        in directory: String,
        making: Bool = true,
        hint: CommandHint = CommandHint(),
        accessed: (@Sendable () -> Void)? = nil
    ) throws(BranchError) -> BranchStore {
        let path = path(in: directory)
        try checkFile(in: directory)
        if !making, !exists(in: directory) {
            throw .store(
                "there is no store \(path); name its directory with --data-dir (FROST_DATA_DIR), or create one: "
                    + "\(next: hint.command("up")), or \(hint.command("project create NAME"))"
            )
        }
        let reserve = StoreReserve(directory: directory)
        let store: BranchStore
        do {
            store = try connect(to: path, reserve: reserve, hint: hint, accessed: accessed)
        } catch {
            // The index of its log needs space too.
            guard reserve.isDiskFull, reserve.release() else { throw error }
            store = try connect(to: path, reserve: reserve, hint: hint, accessed: accessed)
        }
        try store.checkKnowsData(in: directory)
        return store
    }

    private static func connect(
        to path: String,
        reserve: StoreReserve,
        hint: CommandHint,
        accessed: (@Sendable () -> Void)?
    ) throws(BranchError) -> BranchStore {
        do {
            var configuration = Configuration()
            configuration.busyMode = .timeout(busyTimeout)
            configuration.foreignKeysEnabled = true
            // A power failure may lose the last transactions in WAL mode, but servers are started and removed based on
            // them.
            configuration.prepareDatabase { db in
                if !db.configuration.readonly { try db.execute(sql: "PRAGMA synchronous = FULL") }
            }
            // It contains passwords. SQLite gives the files beside it the same mode.
            let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            if descriptor >= 0 { close(descriptor) }
            let pool = try DatabasePool(path: path, configuration: configuration)
            guard try !pool.read(Migrations.migrator.hasBeenSuperseded) else {
                throw BranchError.store(
                    "the store \(path) was created by a newer version of frost; use that version, or restore a backup"
                )
            }
            let isNew = try !pool.read(Migrations.migrator.hasCompletedMigrations)
            try Migrations.migrator.migrate(pool)
            configuration.readonly = true
            let store = BranchStore(
                connections: StoreConnections(
                    pool: pool,
                    watcher: try DatabaseQueue(path: path, configuration: configuration),
                    reserve: reserve
                ),
                path: path,
                place: FileIdentity(path)?.place,
                reserve: reserve,
                hint: hint,
                accessed: accessed
            )
            // Checkpoint its tables into the file at once, so that a copy of the file is recognised as a store.
            if isNew { store.checkpoint() }
            return store
        } catch {
            throw error as? BranchError ?? fault(error, path, reserve)
        }
    }

    /// Fails when the open file is no longer at its path: the next process would open another.
    package func checkPlace() throws(BranchError) {
        guard FileIdentity(path)?.place == place else {
            throw .store(
                "the store \(path) was removed or replaced while in use; restore it, or "
                    + "start again"
            )
        }
    }

    /// The store's file in a data directory.
    package static func path(in directory: String) -> String { "\(directory)/frost.db" }

    /// Whether there is a non-empty file. SQLite writes the first page before it creates a log; a log alone is the rest
    /// of a lost store.
    package static func exists(in directory: String) -> Bool {
        var status = stat()
        return stat(path(in: directory), &status) == 0 && status.st_size > 0
    }

    /// - Throws: the errors of `body`, and ``BranchError/store(_:)`` for an SQLite error.
    package func read<Value: Sendable>(_ body: @Sendable (Database) throws -> Value) throws(BranchError) -> Value {
        accessed?()
        do { return try connections.pool.read(body) } catch { throw Self.error(error, path, reserve) }
    }

    /// Runs `body` in one transaction, which is on disk when this returns.
    ///
    /// - Parameter urgent: whether it may use the space reserved for operations that free more.
    /// - Throws: the errors of `body`, and ``BranchError/store(_:)`` for an SQLite error.
    package func write<Value: Sendable>(
        urgent: Bool = false,
        _ body: @Sendable (Database) throws -> Value
    ) throws(BranchError) -> Value {
        accessed?()
        guard urgent || !reserve.isUsedUp else { throw Self.fullDisk(path) }
        defer { announce() }
        do {
            return try connections.pool.write { db in try StoreMark.marking(db, body) }
        } catch {
            guard urgent, Self.isFull(error, reserve), reserve.release() else {
                throw Self.error(error, path, reserve)
            }
        }
        do {
            return try connections.pool.write { db in try StoreMark.marking(db, body) }
        } catch { throw Self.error(error, path, reserve) }
    }

    /// Notifies watchers of the directory. SQLite writes its log earlier, and publishes the change without a call that
    /// could be watched.
    private func announce() { utimensat(AT_FDCWD, "\(path)-wal", nil, 0) }

    private static func error(_ error: any Error, _ path: String, _ reserve: StoreReserve) -> BranchError {
        error as? BranchError ?? fault(error, path, reserve)
    }

    private static func fault(_ error: any Error, _ path: String, _ reserve: StoreReserve) -> BranchError {
        isFull(error, reserve) ? fullDisk(path) : .store("could not use the store \(path): \(error)")
    }

    private static func fullDisk(_ path: String) -> BranchError {
        .store("the disk is full: the store \(path) cannot be written; free some space, or stop or delete branches")
    }

    /// SQLite has an error code for it, but not for the index of its log.
    private static func isFull(_ error: any Error, _ reserve: StoreReserve) -> Bool {
        guard let error = error as? DatabaseError else { return false }
        return error.resultCode == .SQLITE_FULL
            || ([.SQLITE_IOERR, .SQLITE_CANTOPEN].contains(error.resultCode) && reserve.isDiskFull)
    }

    /// Checkpoints SQLite's log into the store's file as far as other processes allow; does nothing if it is empty.
    package func checkpoint() {
        accessed?()
        var log = stat()
        if stat("\(path)-wal", &log) != 0 || log.st_size > 0 { connections.checkpoint() }
    }

    /// Reserves disk space for the operations that free more, unless it is already reserved.
    package func keepReserve() { reserve.make() }

    /// Changes with every change of the store by any process (PRAGMA data_version).
    package func version() throws(BranchError) -> Int {
        accessed?()
        do {
            return try connections.watcher.read { db in try Int.fetchOne(db, sql: "PRAGMA data_version") ?? 0 }
        } catch { throw Self.error(error, path, reserve) }
    }
}
