import Foundation
import TestSupport
import Testing

@testable import RouteMap

@Suite struct RouteMapWriterTests {
    private func route(_ name: String, port: UInt16, id: String = "dbt_1", host: String = Route.defaultHost) throws
        -> Route
    {
        Route(
            hostname: try Hostname("\(name).pg.shop.example.net"),
            host: host,
            hostPort: port,
            maxConnections: port == 10_001 ? 5 : nil,
            target: Target(id: id, name: name, database: "shop \"ä\"", project: "shop")
        )
    }

    private func stopped(_ name: String) throws -> StoppedRoute {
        StoppedRoute(
            hostname: try Hostname("\(name).pg.shop.example.net"),
            target: Target(id: "dbt_9", name: name, database: "shop", project: "shop")
        )
    }

    @Test("What is written is read as the same")
    func roundTrip() throws {
        let routes = [try route("main", port: 10_000), try route("dev", port: 10_001, id: "dbt_2", host: "127.0.0.2")]
        let data = try RouteMapFile.encode(
            routes: routes,
            stopped: [stopped("qa")],
            generatedAt: Date(timeIntervalSince1970: 1_800_000_000)
        )
        let table = try RouteMapFile.parse(data)
        #expect(table.count == 3)
        for route in routes { #expect(table.entry(for: route.hostname.name) == .active(route)) }
        let qa = try stopped("qa")
        #expect(table.entry(for: "qa.pg.shop.example.net") == .stopped(qa))
        #expect(String(decoding: data, as: UTF8.self).contains(#""generatedAt" : "2027-01-15T08:00:00Z""#))
    }

    @Test("A hostname that is there twice is not written")
    func twice() throws {
        #expect(throws: RouteMapError.self) {
            try RouteMapFile.encode(routes: [route("a", port: 1)], stopped: [stopped("a")], generatedAt: .now)
        }
    }

    @Test("Readers meanwhile see one whole map or the other, never something between")
    func atomic() async throws {
        let directory = try TemporaryDirectory("writer")
        defer { directory.remove() }
        let path = directory.file("routes.json")
        let maps = try [1, 200].map { count in
            let routes = try (0..<count).map { try route("b\($0)", port: 10_000) }
            return try RouteMapFile.encode(routes: routes, stopped: [], generatedAt: .now)
        }
        try RouteMapFile.write(maps[0], to: path)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<2 {
                group.addTask {
                    for round in 0..<50 { try RouteMapFile.write(maps[(round + writer) % 2], to: path) }
                }
            }
            group.addTask {
                for _ in 0..<100 {
                    let count = try RouteMapFile.load(path: path).count
                    #expect([1, 200].contains(count))
                }
            }
            try await group.waitForAll()
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["routes.json"])
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect((mode ?? 0) & 0o444 == 0o444, "the gateway runs as another user")
    }

    @Test("A place that cannot be written to is named, and leaves nothing behind")
    func failures() throws {
        let directory = try TemporaryDirectory("writer")
        defer { directory.remove() }
        let missing = directory.file("none/routes.json")
        let error = #expect(throws: RouteMapWriteError.self) { try RouteMapFile.write(Data("x".utf8), to: missing) }
        #expect(error?.description.contains(directory.file("none")) == true)
        // A directory is in the way.
        _ = try directory.directory("routes.json")
        #expect(throws: RouteMapWriteError.self) {
            try RouteMapFile.write(Data("x".utf8), to: directory.file("routes.json"))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["routes.json"])
    }

    @Test("Once the map is in place, a directory that cannot be flushed is no error: the map is in force")
    func afterRename() throws {
        let directory = try TemporaryDirectory("writer")
        defer { directory.remove() }
        let path = directory.file("routes.json")
        #expect(try RouteMapFile.write(Data("old".utf8), to: path) == .durable)
        let reason = RouteMapWriteError(description: "cannot fsync: Input/output error")
        var flushed: [String] = []
        let durability = try RouteMapFile.write(Data("new".utf8), to: path) {
            flushed.append($0)
            return reason
        }
        #expect(durability == .notYetDurable(reason: reason.description))
        #expect(flushed == [directory.path])
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["routes.json"])
        // Before it, the error is thrown and nothing is flushed.
        #expect(throws: RouteMapWriteError.self) {
            try RouteMapFile.write(Data("x".utf8), to: directory.file("none/routes.json")) {
                flushed.append($0)
                return nil
            }
        }
        #expect(flushed.count == 1)
    }

    @Test("What could not be read is not written")
    func unreadable() throws {
        var none = try route("a", port: 0)
        let message = { () -> String? in
            do throws(RouteMapError) {
                _ = try RouteMapFile.encode(routes: [none], stopped: [], generatedAt: .now)
                return nil
            } catch {
                return error.key
            }
        }
        #expect(message() == "routes[0].hostPort")
        none.hostPort = 1
        none.maxConnections = 0
        #expect(message() == "routes[0].maxConnections")
        none.maxConnections = nil
        none.host = "10.0.0.1"
        #expect(message() == "routes[0].host")
        for seconds in [0, 86_401] {
            let error = #expect(throws: RouteMapError.self) {
                try RouteMapFile.encode(
                    routes: [],
                    stopped: [],
                    generatedAt: .now,
                    confirmation: RouteMapConfirmation(confirmedAt: .now, validForSeconds: seconds)
                )
            }
            #expect(error?.key == "validForSeconds")
        }
        // Years that a timestamp has no place for: 10000, and 0, which Foundation writes as 1.
        for time in [253_402_300_800, -62_135_596_801] as [TimeInterval] {
            let time = Date(timeIntervalSince1970: time)
            var error = #expect(throws: RouteMapError.self) {
                try RouteMapFile.encode(routes: [], stopped: [], generatedAt: time)
            }
            #expect(error?.key == "generatedAt")
            error = #expect(throws: RouteMapError.self) {
                try RouteMapFile.encode(
                    routes: [],
                    stopped: [],
                    generatedAt: .now,
                    confirmation: RouteMapConfirmation(confirmedAt: time, validForSeconds: 1)
                )
            }
            #expect(error?.key == "confirmedAt")
        }
    }

    @Test(
        "Times are written as Foundation writes them, and read as the same second",
        arguments: [-1, 0, 951_782_400, 1_709_164_799, 1_709_251_199, 4_107_542_400, 253_402_300_799] as [TimeInterval]
    )
    func times(seconds: TimeInterval) throws {
        let time = Date(timeIntervalSince1970: seconds)
        #expect(time.utcTimestamp == time.formatted(.iso8601))
        #expect(Date(utcTimestamp: try #require((time + 0.75).utcTimestamp)) == time)
    }

    @Test(
        "Every time that is written is read again, and no other year is read",
        arguments: ["0001-01-01T00:00:00Z", "1582-10-10T12:00:00Z", "2000-02-29T23:59:59Z", "9999-12-31T23:59:59Z"]
    )
    func timestamps(text: String) throws {
        #expect(try #require(Date(utcTimestamp: text)).utcTimestamp == text)
        #expect(Date(utcTimestamp: "0000-12-31T23:59:59Z") == nil)
        #expect(Date(utcTimestamp: "9999-12-31T23:59:60Z") == nil)
    }

    @Test("100,000 routes are written, read, compared and looked up")
    func large() throws {
        let routes = try (0..<100_000).map {
            try route(
                "b\($0)",
                port: UInt16(10_000 + $0 % 10_000),
                id: "dbt_\($0)",
                host: "127.0.0.\(1 + $0 / 10_000)"
            )
        }
        let table = try RouteMapFile.parse(RouteMapFile.encode(routes: routes, stopped: [], generatedAt: .now))
        #expect(table.count == 100_000)
        #expect(table.entry(for: "b99999.pg.shop.example.net") == .active(routes[99_999]))
        #expect(table.changes(since: .empty) == RouteTable.Changes(added: 100_000))
    }

    @Test("Which sessions a change leaves alone, and how two tables differ")
    func changes() throws {
        let main = try route("main", port: 10_000)
        let dev = try route("dev", port: 10_001, id: "dbt_2")
        let before = try RouteTable(routes: [main, dev], stopped: [stopped("qa")])
        #expect(before.serves(main) && before.serves(dev))
        var renamed = dev
        renamed.hostname = try Hostname("new.pg.shop.example.net")
        var moved = main
        moved.hostPort = 10_002
        let after = try RouteTable(routes: [moved, renamed], stopped: [stopped("qa")])
        #expect(after.serves(dev), "a rename is survived")
        #expect(!after.serves(main), "another port is not")
        #expect(after.changes(since: before) == RouteTable.Changes(added: 1, removed: 1, changed: 1))
        let stoppedTable = try RouteTable(routes: [], stopped: [stopped("main"), stopped("dev")])
        #expect(!stoppedTable.serves(main) && !stoppedTable.serves(dev))
        #expect(before.changes(since: before) == RouteTable.Changes())
    }
}
