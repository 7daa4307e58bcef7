import Foundation
import GRDB
import Logging
import RouteMap
import RouteSync
import Synchronization
import TestSupport
import Testing

/// What an installer asks `frost sync` for, and what it does for certificates.
@Suite struct SyncOutlookTests {
    /// What sync asked to be covered, with the map that was there then.
    private final class Covered: Sendable {
        struct Call: Hashable {
            var hostnames: Set<String>
            var areAll: Bool
            var map: Set<String>
        }

        let calls = Mutex<[Call]>([])
    }

    private func names(_ directory: TemporaryDirectory) -> Set<String> {
        guard let table = try? InstalledFrost.table(directory) else { return [] }
        return Set(table.hostnames.values.map(\.name))
    }

    @Test("A name is covered before it is in the map, and the others may go only when the map is without them")
    func covered() async throws {
        try await InstalledFrost.run { queue, _, directory in
            let covered = Covered()
            let sync = FrostDatabaseSync(
                databasePath: directory.file("frost.db"),
                routeFile: directory.file("routes.json"),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                cover: { hostnames, areAll in
                    let map = names(directory)
                    covered.calls.withLock { $0.append(.init(hostnames: hostnames, areAll: areAll, map: map)) }
                }
            )
            let (main, dev) = ("main.pg.shop.example.net", "dev.pg.shop.example.net")
            try await InstalledFrost.add(queue, "dbt_1", database: "db_1", ref: #"{"hostPort": 10001}"#, at: 1)
            try await sync.writeOnce()
            #expect(
                covered.calls.withLock { $0 } == [
                    .init(hostnames: [main], areAll: false, map: []),
                    .init(hostnames: [main], areAll: true, map: [main]),
                ]
            )
            try await queue.write { db in
                try db.execute(sql: "UPDATE database_targets SET name = 'dev', hostname = 'dev'")
            }
            covered.calls.withLock { $0 = [] }
            try await sync.writeOnce()
            #expect(
                covered.calls.withLock { $0 } == [
                    .init(hostnames: [main, dev], areAll: false, map: [main]),
                    .init(hostnames: [dev], areAll: true, map: [dev]),
                ]
            )
            // While the database cannot be read, certificates go on being renewed.
            let following = Task { try await sync.run { _ in } }
            defer { following.cancel() }
            try await queue.write { db in try db.execute(sql: "ALTER TABLE databases RENAME TO other") }
            covered.calls.withLock { $0 = [] }
            try await eventually("it is asked again") {
                covered.calls.withLock { $0.contains(.init(hostnames: [dev], areAll: true, map: [dev])) }
            }
            following.cancel()
            try await following.value
        }
    }

    @Test("The outlook says what would be routed and what would not, and writes nothing")
    func outlook() async throws {
        try await InstalledFrost.run { queue, sync, directory in
            try await InstalledFrost.add(queue, "dbt_1", database: "db_1", ref: #"{"hostPort": 10001}"#, at: 1)
            try await InstalledFrost.add(queue, "dbt_2", database: "db_2", status: "stopped", ref: "{}", at: 2)
            try await InstalledFrost.add(queue, "dbt_3", database: "db_1", name: "dev", ref: "{}", at: 3)
            let before = Set(try FileManager.default.contentsOfDirectory(atPath: directory.path))
            var outlook = try await sync.outlook()
            #expect(outlook.active == 1 && outlook.stopped == 2 && outlook.installation.branches == 3)
            #expect(outlook.problems == ["orders/dev is active but has no host port"])
            #expect(Set(try FileManager.default.contentsOfDirectory(atPath: directory.path)) == before)
            // What is there already is changed by nobody, and taken away by the outlook as by two looks.
            try await sync.writeOnce()
            let map = try Data(contentsOf: URL(filePath: directory.file("routes.json")))
            try await queue.write { db in try db.execute(sql: "UPDATE settings SET value = ''") }
            outlook = try await sync.outlook()
            #expect(outlook.active == 0 && outlook.stopped == 0)
            #expect(outlook.problems.contains { $0.contains("no wildcard domain") }, "\(outlook.problems)")
            #expect(try Data(contentsOf: URL(filePath: directory.file("routes.json"))) == map)
            try await queue.write { db in try db.execute(sql: "DROP TABLE database_targets") }
            await #expect(throws: FrostDatabaseError.self) { try await sync.outlook() }
        }
    }

    @Test("The line for a client is the oldest active branch's that the map leads to and Frost knows the user of")
    func access() async throws {
        try await InstalledFrost.run { queue, sync, directory in
            func find() throws -> FrostAccess? {
                try FrostAccess.find(
                    databasePath: directory.file("frost.db"),
                    routeFile: directory.file("routes.json")
                )
            }
            func reference(_ port: Int, _ database: String) -> String {
                #"{"hostPort": \#(port), "username": "u ser", "password": "p'\"ä", "database": "\#(database)", "ssl": false}"#
            }
            #expect(throws: RouteMapError.self) { try find() }
            try await sync.writeOnce()
            #expect(try find() == nil)
            try await InstalledFrost.add(
                queue,
                "dbt_1",
                database: "db_1",
                name: "old",
                status: "stopped",
                ref: reference(10001, "a"),
                at: 1
            )
            try await InstalledFrost.add(queue, "dbt_2", database: "db_1", name: "bad", ref: #"{"hostPort": 1}"#, at: 2)
            try await InstalledFrost.add(
                queue,
                "dbt_3",
                database: "db_1",
                name: "dev",
                ref: reference(10003, "c"),
                at: 3
            )
            try await sync.writeOnce()
            // Not in the map yet.
            try await InstalledFrost.add(
                queue,
                "dbt_0",
                database: "db_1",
                name: "new",
                ref: reference(10004, "d"),
                at: 0
            )
            let found = try #require(try find())
            #expect(found.hostname == "dev.pg.shop.example.net" && found.databaseName == "c")
            #expect(found.username == "u ser" && found.password == "p'\"ä")
        }
    }
}
