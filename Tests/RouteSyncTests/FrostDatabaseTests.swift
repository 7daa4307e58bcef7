import Foundation
import GRDB
import Logging
import RouteMap
import RouteSync
import TestSupport
import Testing

/// A Frost that is installed already: its tables, as `drivers.md` A2 has them.
@Suite struct FrostDatabaseTests {
    private static let schema = """
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

    private func withFrost(_ body: (DatabaseQueue, FrostDatabaseSync, TemporaryDirectory) async throws -> Void)
        async throws
    {
        let directory = try TemporaryDirectory("installed")
        defer { directory.remove() }
        let queue = try DatabaseQueue(path: directory.file("frost.db"))
        try await queue.write { db in
            try db.execute(sql: Self.schema)
            try db.execute(
                sql: """
                    INSERT INTO settings VALUES ('wildcard_domain', 'example.net');
                    INSERT INTO projects VALUES ('proj_1', 'Shop', 'shop'), ('proj_2', 'Shop!', 'shop'), ('proj_3', '日本', '');
                    INSERT INTO databases VALUES ('db_1', 'proj_1', 'orders', 'postgres'), ('db_2', 'proj_2', 'orders', 'postgres'),
                        ('db_3', 'proj_3', 'orders', 'postgres'), ('db_4', 'proj_1', 'legacy', 'mysql');
                    """
            )
        }
        let sync = FrostDatabaseSync(
            databasePath: directory.file("frost.db"),
            routeFile: directory.file("routes.json"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await body(queue, sync, directory)
    }

    private func add(
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

    private func table(_ directory: TemporaryDirectory) throws -> RouteTable {
        try RouteMapFile.load(path: directory.file("routes.json"))
    }

    @Test("Active, stopped and expired branches; the stable port; projects that slug alike or to nothing; no MySQL")
    func routes() async throws {
        try await withFrost { queue, sync, directory in
            try await add(
                queue,
                "dbt_1",
                database: "db_1",
                ref: #"{"hostPort": 10001, "runtimeHostPort": 15001}"#,
                at: 1
            )
            try await add(queue, "dbt_2", database: "db_2", ref: #"{"hostPort": 10002}"#, at: 2)
            try await add(queue, "dbt_3", database: "db_3", ref: #"{"hostPort": 10003}"#, at: 3)
            try await add(
                queue,
                "dbt_4",
                database: "db_1",
                name: "old",
                status: "stopped",
                ref: #"{"hostPort": 10004}"#,
                at: 4
            )
            try await add(queue, "dbt_5", database: "db_1", name: "gone", status: "expired", ref: "{}", at: 5)
            try await add(queue, "dbt_6", database: "db_1", name: "odd", ref: "nonsense", at: 6)
            try await add(queue, "dbt_7", database: "db_4", ref: #"{"hostPort": 3306}"#, at: 7)
            let counts = try sync.writeOnce()
            #expect(counts.active == 3)
            #expect(counts.stopped == 3)
            let table = try table(directory)
            guard case .active(let first) = table.lookUp(serverName: "main.pg.shop.example.net") else {
                Issue.record("main has no route")
                return
            }
            #expect(first.target.id == "dbt_1")
            #expect(first.hostPort == 10_001)
            let second = table.lookUp(serverName: "main-\(HostnameBuilder.hash("dbt_2")).pg.shop.example.net")
            guard case .active = second else {
                Issue.record("the second main has no route")
                return
            }
            guard case .active = table.lookUp(serverName: "main.pg.\(HostnameBuilder.hash("proj_3")).example.net")
            else {
                Issue.record("a project without a hostname has no route")
                return
            }
            for name in ["old", "gone", "odd"] {
                guard case .stopped = table.lookUp(serverName: "\(name).pg.shop.example.net") else {
                    Issue.record("\(name) is not stopped")
                    continue
                }
            }
            // The oldest goes: the other keeps its name.
            try await queue.write { db in try db.execute(sql: "DELETE FROM database_targets WHERE id = 'dbt_1'") }
            try sync.writeOnce()
            #expect(
                try self.table(directory).lookUp(
                    serverName: "main-\(HostnameBuilder.hash("dbt_2")).pg.shop.example.net"
                ) == second
            )
        }
    }

    @Test("Changes are followed; a database that is gone or of another kind is told, and the map stays")
    func follows() async throws {
        try await withFrost { queue, sync, directory in
            let following = Task { await sync.run { _, _ in } }
            defer { following.cancel() }
            try await add(queue, "dbt_1", database: "db_1", ref: #"{"hostPort": 10001}"#, at: 1)
            try await eventually("the route is there") { try table(directory).count == 1 }
            try await queue.write { db in
                try db.execute(sql: "UPDATE database_targets SET lifecycle_status = 'stopped'")
            }
            try await eventually("it is stopped") {
                if case .stopped = try table(directory).lookUp(serverName: "main.pg.shop.example.net") {
                    true
                } else {
                    false
                }
            }
            following.cancel()
            await following.value
            try await queue.write { db in try db.execute(sql: "DELETE FROM settings") }
            #expect(throws: FrostDatabaseError.self) { try sync.writeOnce() }
            try await queue.write { db in try db.execute(sql: "DROP TABLE database_targets") }
            let error = #expect(throws: FrostDatabaseError.self) { try sync.writeOnce() }
            #expect(error?.description.contains(directory.file("frost.db")) == true)
            try await Command.check("rm", [directory.file("frost.db")])
            #expect(throws: FrostDatabaseError.self) { try sync.writeOnce() }
            let count = try table(directory).count
            #expect(count == 1)
        }
    }

    private func eventually(_ what: String, _ condition: () throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            if (try? condition()) == true { return }
            guard ContinuousClock.now < deadline else { throw Command.Failure("not within 20 s: \(what)") }
            await Task.yield()
        }
    }
}
