import Foundation
import GRDB
import Logging
import RouteMap
import RouteSync
import TestSupport
import Testing

/// `frost sync`: the route map of a Frost that is installed already.
@Suite struct FrostDatabaseTests {
    @Test("Active, stopped and expired branches; the stable port; projects that slug alike or to nothing; no MySQL")
    func routes() async throws {
        try await InstalledFrost.run { queue, sync, directory in
            try await InstalledFrost.add(
                queue,
                "dbt_1",
                database: "db_1",
                ref: #"{"hostPort": 10001, "runtimeHostPort": 15001}"#,
                at: 1
            )
            try await InstalledFrost.add(queue, "dbt_2", database: "db_2", ref: #"{"hostPort": 10002}"#, at: 2)
            try await InstalledFrost.add(queue, "dbt_3", database: "db_3", ref: #"{"hostPort": 10003}"#, at: 3)
            try await InstalledFrost.add(
                queue,
                "dbt_4",
                database: "db_1",
                name: "old",
                status: "stopped",
                ref: #"{"hostPort": 10004}"#,
                at: 4
            )
            try await InstalledFrost.add(
                queue,
                "dbt_5",
                database: "db_1",
                name: "gone",
                status: "expired",
                ref: "{}",
                at: 5
            )
            try await InstalledFrost.add(queue, "dbt_6", database: "db_1", name: "odd", ref: "nonsense", at: 6)
            try await InstalledFrost.add(queue, "dbt_7", database: "db_4", ref: #"{"hostPort": 3306}"#, at: 7)
            let counts = try await sync.writeOnce()
            #expect(counts.active == 3)
            #expect(counts.stopped == 3)
            let table = try InstalledFrost.table(directory)
            guard case .active(let first) = table.entry(for: "main.pg.shop.example.net") else {
                Issue.record("main has no route")
                return
            }
            #expect(first.target.id == "dbt_1")
            #expect(first.hostPort == 10_001)
            let second = table.entry(for: "main-orders.pg.shop.example.net")
            guard case .active = second else {
                Issue.record("the second main has no route")
                return
            }
            guard case .active = table.entry(for: "main.pg.\(HostnameBuilder.hash("proj_3")).example.net")
            else {
                Issue.record("a project without a hostname has no route")
                return
            }
            for name in ["old", "gone", "odd"] {
                guard case .stopped = table.entry(for: "\(name).pg.shop.example.net") else {
                    Issue.record("\(name) is not stopped")
                    continue
                }
            }
            // The oldest goes: the other keeps its name.
            try await queue.write { db in try db.execute(sql: "DELETE FROM database_targets WHERE id = 'dbt_1'") }
            try await sync.writeOnce()
            #expect(
                try InstalledFrost.table(directory).entry(
                    for: "main-orders.pg.shop.example.net"
                ) == second
            )
        }
    }

    @Test("Changes are followed; a database that is gone or of another kind is told, and the map stays")
    func follows() async throws {
        try await InstalledFrost.run { queue, sync, directory in
            let following = Task { try await sync.run { _ in } }
            defer { following.cancel() }
            try await InstalledFrost.add(queue, "dbt_1", database: "db_1", ref: #"{"hostPort": 10001}"#, at: 1)
            try await eventually("the route is there") { InstalledFrost.current(directory)?.count == 1 }
            try await queue.write { db in
                try db.execute(sql: "UPDATE database_targets SET lifecycle_status = 'stopped'")
            }
            try await eventually("it is stopped") {
                if case .stopped = InstalledFrost.current(directory)?.entry(for: "main.pg.shop.example.net") {
                    true
                } else {
                    false
                }
            }
            following.cancel()
            try await following.value
            try await queue.write { db in try db.execute(sql: "DELETE FROM settings") }
            let counts = try await sync.writeOnce()
            #expect(counts == (0, 0))
            try await queue.write { db in try db.execute(sql: "DROP TABLE database_targets") }
            let error = await #expect(throws: FrostDatabaseError.self) { try await sync.writeOnce() }
            #expect(error?.description.contains(directory.file("frost.db")) == true)
            try await Command.check("rm", [directory.file("frost.db")])
            await #expect(throws: FrostDatabaseError.self) { try await sync.writeOnce() }
            let count = try InstalledFrost.table(directory).count
            #expect(count == 0)
        }
    }

    @Test(
        "Another database in its place is opened, and followed from then on",
        arguments: [["mv"], ["rm", "mv"], ["rm", "cp"]]
    )
    func replaced(how: [String]) async throws {
        try await InstalledFrost.run { queue, sync, directory in
            try await InstalledFrost.add(queue, "dbt_1", database: "db_1", ref: #"{"hostPort": 10001}"#, at: 1)
            let other = try await InstalledFrost.makeDatabase(directory.file("backup.db"))
            try await InstalledFrost.add(
                other,
                "dbt_9",
                database: "db_1",
                name: "restored",
                ref: #"{"hostPort": 10009}"#,
                at: 1
            )
            try other.close()
            let following = Task { try await sync.run { _ in } }
            defer { following.cancel() }
            try await eventually("the route is there") {
                InstalledFrost.current(directory)?.hostnames.keys.sorted() == ["dbt_1"]
            }
            for step in how {
                let files = [directory.file("backup.db"), directory.file("frost.db")]
                try await Command.check(step, step == "rm" ? [files[1]] : files)
            }
            try await eventually("the other's route is there") {
                InstalledFrost.current(directory)?.hostnames.keys.sorted() == ["dbt_9"]
            }
            let opened = try InstalledFrost.openDatabase(directory.file("frost.db"))
            try await InstalledFrost.add(
                opened,
                "dbt_8",
                database: "db_2",
                name: "later",
                ref: #"{"hostPort": 10008}"#,
                at: 2
            )
            try await eventually("the other is followed") {
                InstalledFrost.current(directory)?.hostnames.keys.sorted() == ["dbt_8", "dbt_9"]
            }
            following.cancel()
            try await following.value
        }
    }

    @Test("Whatever is in its columns: what can be made a route is one, the rest is told, and nothing ends it")
    func anyColumns() async throws {
        let log = RecordedLog()
        try await InstalledFrost.run(schema: InstalledFrost.looseSchema, log: log) { queue, sync, directory in
            let long = String(repeating: "n", count: 100_000)
            try await queue.write { db in
                try db.execute(
                    sql: """
                        INSERT INTO projects VALUES ('proj_4', NULL, NULL), (x'ff', 'Odd', 'odd');
                        INSERT INTO databases VALUES ('db_5', 'proj_4', NULL, 'postgres'), ('db_6', x'ff', 'odd', 'postgres');
                        INSERT INTO database_targets VALUES
                            (NULL, 'db_1', 'no-id', 'no-id', 'branch', 'active', '{"hostPort": 10001}', 1),
                            ('', 'db_1', 'empty-id', 'empty-id', 'branch', 'active', '{"hostPort": 10001}', 1),
                            (x'ff00', 'db_1', 'blob-id', 'blob-id', 'branch', 'active', '{"hostPort": 10001}', 1),
                            ('dbt_n', 'db_1', NULL, 'no-name', 'branch', 'active', '{"hostPort": 10001}', 1),
                            ('dbt_e', 'db_1', '', 'empty-name', 'branch', 'active', '{"hostPort": 10001}', 1),
                            ('dbt_r', 'db_1', 1.5, 'real-name', 'branch', 'active', '{"hostPort": 10001}', 1),
                            ('dbt_s', 'db_1', 'no-status', 'no-status', 'branch', NULL, '{"hostPort": 10001}', 1),
                            ('dbt_o', 'db_6', 'odd-project', 'odd-project', 'branch', 'active', '{"hostPort": 10001}', 1),
                            (5, 'db_1', 7, 8, 9, 10, 11, 12),
                            ('dbt_b', 'db_1', x'626c6f62', NULL, NULL, x'616374697665', x'7b22686f7374506f7274223a31303030327d', x'00'),
                            ('dbt_0', 'db_1', 'nothing', x'', NULL, 'active', NULL, NULL),
                            ('dbt_p', 'db_5', 'orphan', 'orphan', NULL, 'active', '{"hostPort": 10003}', 'yesterday'),
                            ('dbt_x', 'db_1', 'twice', 'twice', 'branch', 'active', '{"hostPort": 10004}', 20),
                            ('dbt_y', 'db_1', 'twice', 'twice', 'branch', 'active', '{"hostPort": 10005}', 21),
                            ('dbt_x', 'db_1', 'same-id', 'same-id', 'branch', 'active', '{"hostPort": 10006}', 22),
                            ('dbt_q', 'db_1', 'bad-port', 'bad-port', 'branch', 'active', '{"hostPort": 65536}', 23);
                        """
                )
                try db.execute(
                    sql: "INSERT INTO database_targets VALUES ('dbt_l', 'db_1', ?, ?, '', 'active', ?, 24)",
                    arguments: [long, long, #"{"hostPort": 10007}"#]
                )
            }
            let counts = try await sync.writeOnce()
            #expect(counts.active == 5)
            #expect(counts.stopped == 3)
            let table = try InstalledFrost.table(directory)
            let cut = String(repeating: "n", count: 54) + "-" + HostnameBuilder.hash("dbt_l")
            #expect(
                table.hostnames.mapValues(\.name) == [
                    "5": "8.pg.shop.example.net",
                    "dbt_b": "blob.pg.shop.example.net",
                    "dbt_0": "nothing.pg.shop.example.net",
                    "dbt_p": "orphan.pg.\(HostnameBuilder.hash("proj_4")).example.net",
                    "dbt_x": "twice.pg.shop.example.net",
                    "dbt_y": "twice-orders.pg.shop.example.net",
                    "dbt_q": "bad-port.pg.shop.example.net",
                    "dbt_l": "\(cut).pg.shop.example.net",
                ]
            )
            guard case .active(let route) = table.entry(for: "blob.pg.shop.example.net") else {
                Issue.record("a reference that is a blob is not read")
                return
            }
            #expect(route.hostPort == 10_002)
            #expect(
                Set(log.texts(.warning).map { $0.replacing(" [:]", with: "") }) == [
                    "orders/no-id has no id; skipping it",
                    "orders/empty-id has no id; skipping it",
                    "orders/blob-id has no id; skipping it",
                    "orders/dbt_n has no name; skipping it",
                    "orders/dbt_e has no name; skipping it",
                    "orders/dbt_r has no name; skipping it",
                    "orders/no-status has no lifecycle_status; skipping it",
                    "odd/odd-project has no project_id; skipping it",
                    "orders/same-id has the id of another branch; skipping it",
                    "orders/nothing is active but has no host port",
                    "orders/bad-port is active but has no host port",
                ]
            )
            for value in ["NULL", "x''", "x'ff'", "7", "1.5", "''"] {
                try await queue.write { db in try db.execute(sql: "UPDATE settings SET value = \(value)") }
                let counts = try await sync.writeOnce()
                #expect(counts == (0, 0), "\(value)")
            }
        }
    }

    @Test("A problem that stays is told once, however often the database changes")
    func problemsOnce() async throws {
        let log = RecordedLog()
        try await InstalledFrost.run(log: log) { queue, sync, directory in
            try await InstalledFrost.add(queue, "dbt_1", database: "db_1", name: "odd", ref: "nonsense", at: 1)
            let following = Task { try await sync.run { _ in } }
            defer { following.cancel() }
            try await eventually("it is written") { InstalledFrost.current(directory)?.count == 1 }
            try await InstalledFrost.add(queue, "dbt_2", database: "db_1", name: "later", ref: "nonsense", at: 2)
            try await eventually("it is written again") {
                InstalledFrost.current(directory)?.count == 2
            }
            following.cancel()
            try await following.value
            #expect(log.texts(.warning).count == 2)
        }
    }

    @Test("A fault is logged once, and once when it is over")
    func faultIsOver() async throws {
        let log = RecordedLog()
        try await InstalledFrost.run(log: log) { queue, sync, directory in
            try await InstalledFrost.add(queue, "dbt_1", database: "db_1", ref: #"{"hostPort": 10001}"#, at: 1)
            let following = Task { try await sync.run { _ in } }
            defer { following.cancel() }
            try await eventually("the route is there") { InstalledFrost.current(directory)?.count == 1 }
            #expect(log.texts(.error).isEmpty)
            #expect(log.texts(.notice).isEmpty)
            try await Command.check("mv", [directory.file("frost.db"), directory.file("away.db")])
            try await eventually("the fault is told") { !log.texts(.error).isEmpty }
            // Some looks more, which are silent.
            try await Task.sleep(for: FrostDatabaseSync.interval * 4)
            #expect(log.texts(.notice).isEmpty)
            try await Command.check("mv", [directory.file("away.db"), directory.file("frost.db")])
            try await eventually("its end is told") { !log.texts(.notice).isEmpty }
            try await Task.sleep(for: FrostDatabaseSync.interval * 2)
            following.cancel()
            try await following.value
            #expect(log.texts(.error).count == 1)
            #expect(log.texts(.error).first?.contains("does not exist") == true)
            #expect(log.texts(.notice).count == 1)
            #expect(log.texts(.notice).first?.contains("over") == true)
        }
    }

    @Test("A database in WAL mode is read while Frost runs and while it does not; what is missing to read it is told")
    func writeAheadLog() async throws {
        try await InstalledFrost.run { queue, sync, directory in
            let path = directory.file("frost.db")
            try await queue.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA journal_mode = WAL") }
            try await InstalledFrost.add(queue, "dbt_1", database: "db_1", ref: #"{"hostPort": 10001}"#, at: 1)
            #expect(FileManager.default.fileExists(atPath: "\(path)-wal"))
            #expect(try await sync.writeOnce().active == 1)
            try queue.close()
            for file in ["\(path)-wal", "\(path)-shm"] { try? FileManager.default.removeItem(atPath: file) }
            #expect(try await sync.writeOnce().active == 1)
            // It may not make them: here because of what is in the way, since root may write in any directory.
            for file in ["\(path)-wal", "\(path)-shm"] { try? FileManager.default.removeItem(atPath: file) }
            _ = try directory.directory("frost.db-wal")
            let error = await #expect(throws: FrostDatabaseError.self) { try await sync.writeOnce() }
            #expect(error?.description.contains(path) == true)
            #expect(error?.description.contains("Start Frost") == true)
            let count = try InstalledFrost.table(directory).count
            #expect(count == 1)
        }
    }
}
