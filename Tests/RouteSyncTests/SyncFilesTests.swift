import Foundation
import GRDB
import Logging
import RouteMap
import RouteSync
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What `frost sync` writes: the route map, the names beside it, and who may.
@Suite struct SyncFilesTests {
    @Test("Names are remembered beside the map: a map that is lost or cannot be read hands no name to another")
    func lostMap() async throws {
        try await InstalledFrost.run { queue, sync, directory in
            try await InstalledFrost.add(queue, "dbt_1", database: "db_1", ref: #"{"hostPort": 10001}"#, at: 1)
            try await InstalledFrost.add(queue, "dbt_2", database: "db_2", ref: #"{"hostPort": 10002}"#, at: 2)
            try await sync.writeOnce()
            // From here on the clean name is free.
            try await queue.write { db in try db.execute(sql: "DELETE FROM database_targets WHERE id = 'dbt_1'") }
            let kept = ["dbt_2": "main-orders.pg.shop.example.net"]
            for text in [nil, "", "{", #"{"version": 2, "routes": []}"#] {
                try FileManager.default.removeItem(atPath: directory.file("routes.json"))
                if let text { try directory.write(text, to: "routes.json") }
                try await sync.writeOnce()
                #expect(try InstalledFrost.table(directory).hostnames.mapValues(\.name) == kept)
            }
            // Without names they are those of the map.
            try FileManager.default.removeItem(atPath: directory.file("routes.json.names"))
            try await sync.writeOnce()
            #expect(try InstalledFrost.table(directory).hostnames.mapValues(\.name) == kept)
            // Nothing says what they were: a fault, and the map stays.
            try FileManager.default.removeItem(atPath: directory.file("routes.json.names"))
            try directory.write("{", to: "routes.json")
            let error = await #expect(throws: FrostSyncError.self) { try await sync.writeOnce() }
            #expect(error?.description.contains(directory.file("routes.json")) == true)
            #expect(error?.description.contains("correct it, or remove it") == true)
            #expect(try String(contentsOfFile: directory.file("routes.json"), encoding: .utf8) == "{")
        }
    }

    @Test("Names that cannot be read are a fault that is told until they are mended; neither file is touched")
    func namesFault() async throws {
        let log = RecordedLog()
        try await InstalledFrost.run(log: log) { queue, sync, directory in
            try await InstalledFrost.add(queue, "dbt_1", database: "db_1", ref: #"{"hostPort": 10001}"#, at: 1)
            try await sync.writeOnce()
            let (names, routes) = (directory.file("routes.json.names"), directory.file("routes.json"))
            let (good, map) = (try Data(contentsOf: URL(filePath: names)), try Data(contentsOf: URL(filePath: routes)))
            try await InstalledFrost.add(queue, "dbt_2", database: "db_1", name: "dev", ref: "{}", at: 2)
            for text in [
                "", "{", "[]", #"{"version": 2, "hostnames": []}"#,
                #"{"version": 1, "hostnames": [{"hostname": "a"}]}"#,
                #"{"version": 1, "hostnames": [{"hostname": "-", "targetId": "", "project": "", "database": "", "branch": ""}]}"#,
            ] {
                try directory.write(text, to: "routes.json.names")
                let error = await #expect(throws: FrostSyncError.self, "\(text)") { try await sync.writeOnce() }
                #expect(error?.description.contains(names) == true)
                #expect(error?.description.contains("Correct it or restore a copy") == true)
                #expect(try String(contentsOfFile: names, encoding: .utf8) == text)
                #expect(try Data(contentsOf: URL(filePath: routes)) == map)
            }
            let following = Task { try await sync.run { _ in } }
            defer { following.cancel() }
            try await eventually("the fault is told") { !log.texts(.error).isEmpty }
            try good.write(to: URL(filePath: names), options: .atomic)
            try await eventually("it is written") { InstalledFrost.current(directory)?.count == 2 }
            try await eventually("its end is told") { !log.texts(.notice).isEmpty }
            following.cancel()
            try await following.value
            #expect(log.texts(.error).count == 1)
        }
    }

    @Test("What Frost writes of other things, its metrics say, changes neither file, and nothing is told")
    func quiet() async throws {
        let log = RecordedLog()
        let events = RecordedEvents()
        try await InstalledFrost.run(log: log) { queue, sync, directory in
            try await queue.write { db in try db.execute(sql: "CREATE TABLE metrics (id INTEGER PRIMARY KEY, value)") }
            try await InstalledFrost.add(queue, "dbt_1", database: "db_1", ref: #"{"hostPort": 10001}"#, at: 1)
            let following = Task { try await sync.run { events.add($0) } }
            defer { following.cancel() }
            try await eventually("the route is there") { InstalledFrost.current(directory)?.count == 1 }
            let files = ["routes.json", "routes.json.names"].map(directory.file)
            func inodes() throws -> [UInt64?] {
                try files.map { try FileManager.default.attributesOfItem(atPath: $0)[.systemFileNumber] as? UInt64 }
            }
            let before = try inodes()
            for _ in 0..<5 {
                try await queue.write { db in try db.execute(sql: "INSERT INTO metrics (value) VALUES (1)") }
            }
            // A change that counts comes after them all.
            try await InstalledFrost.add(queue, "dbt_2", database: "db_2", ref: #"{"hostPort": 10002}"#, at: 2)
            #expect(try InstalledFrost.table(directory).count == 2 || inodes() == before)
            try await eventually("the second route is there") {
                InstalledFrost.current(directory)?.count == 2
            }
            following.cancel()
            try await following.value
            let told = events.all
            #expect(told.count == 3, "\(told)")
            #expect(told.suffix(2) == [.written(active: 1, stopped: 0), .written(active: 2, stopped: 0)])
            #expect(log.texts(.warning).isEmpty && log.texts(.error).isEmpty && log.texts(.debug).isEmpty)
        }
    }

    @Test("A second sync of the same route map is told that there is one")
    func second() async throws {
        let log = RecordedLog()
        try await InstalledFrost.run(log: log) { queue, sync, directory in
            let other = FrostDatabaseSync(
                databasePath: directory.file("frost.db"),
                routeFile: directory.file("routes.json"),
                logger: Logger(label: "test") { _ in RecordingLogHandler(log) }
            )
            let following = Task { try await sync.run { _ in } }
            defer { following.cancel() }
            try await eventually("the map is there") { InstalledFrost.current(directory)?.count == 0 }
            let error = await #expect(throws: RouteFileLockError.self) { try await other.writeOnce() }
            #expect(error?.description.contains("another frost sync writes \(directory.file("routes.json"))") == true)
            // One that was to follow ends as well, whoever starts it again.
            let second = await #expect(throws: RouteFileLockError.self) { try await other.run { _ in } }
            #expect(second?.isKept == true)
            following.cancel()
            try await following.value
            try await other.writeOnce()
        }
    }

    @Test("Nothing is read and written while another process writes the same route file")
    func lock() async throws {
        try await InstalledFrost.run { queue, sync, directory in
            let file = directory.file("routes.json")
            let descriptor = open("\(file).lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            try #require(descriptor >= 0)
            defer { close(descriptor) }
            try #require(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
            let error = await #expect(throws: RouteFileLockError.self) { try await sync.writeOnce() }
            #expect(error?.description.contains("\(file).lock") == true)
            #expect(!FileManager.default.fileExists(atPath: file))
            // It waits for whoever has it.
            try await InstalledFrost.add(queue, "dbt_1", database: "db_1", ref: #"{"hostPort": 10001}"#, at: 1)
            let writing = Task { try await sync.writeOnce() }
            try await Task.sleep(for: .milliseconds(200))
            flock(descriptor, LOCK_UN)
            #expect(try await writing.value.active == 1)
        }
    }
}
