import Foundation
package import GRDB
import RouteMap

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What is known of branches, in SQLite: WAL, foreign keys, one writer, many readers, several processes.
package struct BranchStore: Sendable {
    private let pool: DatabasePool
    /// A connection that changes nothing, and so is told of all changes.
    private let watcher: DatabaseQueue
    private let path: String
    private let number: UInt64?

    /// How long a write waits for that of another process, in seconds.
    private static let busyTimeout: TimeInterval = 20

    /// Opens the store in a data directory, makes or migrates it.
    ///
    /// - Parameter making: whether one that is not there is made.
    /// - Throws: ``BranchError`` that names the file.
    package static func open(in directory: String, making: Bool = true) throws(BranchError) -> BranchStore {
        let path = path(in: directory)
        if !making, !exists(in: directory) {
            throw .store(
                "there is no store \(path); give the directory of one with --data-dir (FROST_DATA_DIR), or make one: "
                    + "frost up, or frost project create"
            )
        }
        do {
            var configuration = Configuration()
            configuration.busyMode = .timeout(busyTimeout)
            configuration.foreignKeysEnabled = true
            // WAL alone may lose the last transactions with the power; servers are started and removed by them.
            configuration.prepareDatabase { db in
                if !db.configuration.readonly { try db.execute(sql: "PRAGMA synchronous = FULL") }
            }
            // Passwords are in it. SQLite gives the files beside it the mode of this one.
            let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            if descriptor >= 0 { close(descriptor) }
            let pool = try DatabasePool(path: path, configuration: configuration)
            guard try !pool.read(Migrations.migrator.hasBeenSuperseded) else {
                throw BranchError.store(
                    "the store \(path) was made by a newer frost; use that one, or a backup of the store"
                )
            }
            try Migrations.migrator.migrate(pool)
            configuration.readonly = true
            return BranchStore(
                pool: pool,
                watcher: try DatabaseQueue(path: path, configuration: configuration),
                path: path,
                number: number(of: path)
            )
        } catch {
            throw error as? BranchError ?? .store("the store \(path) cannot be used: \(error)")
        }
    }

    private static func number(of path: String) -> UInt64? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return attributes?[.systemFileNumber] as? UInt64
    }

    /// Whether the file that was opened still is where it was: whoever comes next would open another.
    package func checkPlace() throws(BranchError) {
        guard Self.number(of: path) == number else {
            throw .store(
                "the store \(path) was removed or replaced; this process goes on with the one it had: put that back, or "
                    + "start again"
            )
        }
    }

    /// The store's file in a data directory.
    package static func path(in directory: String) -> String { "\(directory)/frost.db" }

    /// Whether there is a file with something in it. SQLite writes its first page before it keeps a log beside it; a
    /// log alone is what is left of a store that is gone.
    package static func exists(in directory: String) -> Bool {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path(in: directory))
        return (attributes?[.size] as? UInt64 ?? 0) > 0
    }

    /// - Throws: what `body` throws, and ``BranchError/store(_:)`` for a fault of SQLite.
    package func read<Value: Sendable>(_ body: @Sendable (Database) throws -> Value) throws(BranchError) -> Value {
        do { return try pool.read(body) } catch { throw Self.error(error) }
    }

    /// In one transaction, which is on disk when this returns.
    ///
    /// - Throws: what `body` throws, and ``BranchError/store(_:)`` for a fault of SQLite.
    package func write<Value: Sendable>(_ body: @Sendable (Database) throws -> Value) throws(BranchError) -> Value {
        do { return try pool.write(body) } catch { throw Self.error(error) }
    }

    private static func error(_ error: any Error) -> BranchError {
        error as? BranchError ?? .store("the store cannot be used: \(error)")
    }

    /// Changes whenever anybody has changed the store, this process or another (PRAGMA data_version).
    package func version() throws(BranchError) -> Int {
        do {
            return try watcher.read { db in try Int.fetchOne(db, sql: "PRAGMA data_version") ?? 0 }
        } catch { throw Self.error(error) }
    }

    // MARK: Hostnames

    /// Gives every branch a hostname; whoever has one that still fits keeps it.
    ///
    /// - Parameter names: hostnames by branch, in place of those that branches have.
    static func assignHostnames(_ db: Database, keeping names: [String: String]? = nil) throws {
        guard let text = try Self.setting(.wildcardBase, in: db), !text.isEmpty else { return }
        let base = try Hostname(text)
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT target.id, target.name, target.hostname, project.id AS projectId, project.name AS projectName
                FROM target JOIN database ON database.id = target.databaseId JOIN project ON project.id = database.projectId
                ORDER BY target.createdAt, target.rowid
                """
        )
        var current: [String: Hostname] = [:]
        let requests = rows.map { row in
            let id: String = row["id"]
            let hostname: String? = row["hostname"]
            current[id] = hostname.flatMap { try? Hostname($0) }
            return HostnameBuilder.Request(
                targetID: id,
                target: row["name"],
                projectID: row["projectId"],
                project: row["projectName"]
            )
        }
        let kept = names?.compactMapValues { try? Hostname($0) } ?? current
        let changed = try HostnameBuilder.names(for: requests, base: base, keeping: kept)
            .filter { current[$0.key] != $0.value }
        // In two steps: a name may go from one branch to another.
        for id in changed.keys {
            try db.execute(sql: "UPDATE target SET hostname = NULL WHERE id = ?", arguments: [id])
        }
        for (id, name) in changed {
            try db.execute(sql: "UPDATE target SET hostname = ? WHERE id = ?", arguments: [name.name, id])
        }
    }
}
