import Foundation
import GRDB
import Logging
import RouteMap
import RouteSync
import TestSupport

/// A Frost that is installed already: its tables, as `drivers.md` A2 has them.
enum InstalledFrost {
    static let schema = """
        CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
        CREATE TABLE projects (id TEXT PRIMARY KEY, name TEXT NOT NULL, hostname TEXT);
        CREATE TABLE databases (id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects(id), name TEXT NOT NULL,
            engine TEXT NOT NULL, UNIQUE (project_id, name));
        CREATE TABLE database_targets (id TEXT PRIMARY KEY, database_id TEXT NOT NULL REFERENCES databases(id), name TEXT NOT NULL,
            hostname TEXT NOT NULL, kind TEXT NOT NULL, source_target_id TEXT, runtime_service_id TEXT,
            lifecycle_status TEXT NOT NULL, provider_ref_json TEXT NOT NULL, ttl_value INTEGER, ttl_unit TEXT,
            scale_to_zero_minutes INTEGER, last_activity_at INTEGER, runtime_host_port INTEGER, created_at INTEGER NOT NULL,
            UNIQUE (database_id, name), UNIQUE (database_id, hostname));
        """

    /// The same tables without a type or a rule.
    static let looseSchema = """
        CREATE TABLE settings (key, value);
        CREATE TABLE projects (id, name, hostname);
        CREATE TABLE databases (id, project_id, name, engine);
        CREATE TABLE database_targets (id, database_id, name, hostname, kind, lifecycle_status, provider_ref_json, created_at);
        """

    static func run(
        schema: String = InstalledFrost.schema,
        log: RecordedLog = RecordedLog(),
        _ body: (DatabaseQueue, FrostDatabaseSync, TemporaryDirectory) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory("installed")
        defer { directory.remove() }
        let queue = try await makeDatabase(directory.file("frost.db"), schema: schema)
        let sync = FrostDatabaseSync(
            databasePath: directory.file("frost.db"),
            routeFile: directory.file("routes.json"),
            logger: Logger(label: "test") { _ in RecordingLogHandler(log) }
        )
        try await body(queue, sync, directory)
    }

    /// As Frost has it: it waits for whoever reads.
    static func openDatabase(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    static func makeDatabase(
        _ path: String,
        schema: String = InstalledFrost.schema
    ) async throws -> DatabaseQueue {
        let queue = try openDatabase(path)
        try await queue.write { db in
            try db.execute(sql: schema)
            try db.execute(
                sql: """
                    INSERT INTO settings VALUES ('wildcard_domain', 'example.net');
                    INSERT INTO projects VALUES ('proj_1', 'Shop', 'shop'), ('proj_2', 'Shop!', 'shop'), ('proj_3', '日本', '');
                    INSERT INTO databases VALUES ('db_1', 'proj_1', 'orders', 'postgres'), ('db_2', 'proj_2', 'orders', 'postgres'),
                        ('db_3', 'proj_3', 'orders', 'postgres'), ('db_4', 'proj_1', 'legacy', 'mysql');
                    """
            )
        }
        return queue
    }

    static func add(
        _ queue: DatabaseQueue,
        _ id: String,
        database: String,
        name: String = "main",
        status: String = "active",
        ref: String,
        at: Int
    ) async throws {
        try await queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO database_targets (id, database_id, name, hostname, kind, lifecycle_status, provider_ref_json, created_at)
                    VALUES (?, ?, ?, ?, 'branch', ?, ?, ?)
                    """,
                arguments: [id, database, name, name, status, ref, at]
            )
        }
    }

    static func table(_ directory: TemporaryDirectory) throws -> RouteTable {
        try RouteMapFile.load(path: directory.file("routes.json"))
    }

    /// What is written by now; nil while that is nothing that can be read.
    static func current(_ directory: TemporaryDirectory) -> RouteTable? {
        try? table(directory)
    }
}
