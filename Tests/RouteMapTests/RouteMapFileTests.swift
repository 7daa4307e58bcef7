import Foundation
import RouteMap
import TestSupport
import Testing

@Suite struct RouteMapFileTests {
    private static let target = #"{ "id": "dbt_1", "name": "dev", "database": "shop", "project": "shop" }"#

    private func parse(_ text: String) throws -> RouteTable {
        try RouteMapFile.parse(Data(text.utf8))
    }

    private static func map(routes: String = "", stopped: String = "") -> String {
        #"{ "version": 1, "routes": [\#(routes)], "stopped": [\#(stopped)] }"#
    }

    private static func route(_ more: String, hostname: String = "dev.pg.shop.example.net") -> String {
        #"{ "hostname": "\#(hostname)", "target": \#(target) \#(more) }"#
    }

    @Test("The example of the design is understood")
    func example() throws {
        let table = try parse(
            """
            {
              "version": 1,
              "generatedAt": "2026-11-23T02:00:00Z",
              "routes": [
                { "hostname": "dev.pg.shop.example.net", "hostPort": 10001, "later": true,
                  "target": { "id": "dbt_1", "name": "dev", "database": "shop", "project": "shop", "later": 1 } }
              ],
              "stopped": [
                { "hostname": "qa.pg.shop.example.net",
                  "target": { "id": "dbt_2", "name": "qa", "database": "shop", "project": "shop" } }
              ]
            }
            """
        )
        #expect(table.count == 2)
        guard case .active(let route) = table.entry(for: "DEV.pg.shop.example.net.") else {
            Issue.record("no route")
            return
        }
        #expect(route.hostPort == 10_001)
        #expect(route.host == "127.0.0.1")
        guard case .stopped(let stopped) = table.entry(for: "qa.pg.shop.example.net") else {
            Issue.record("not stopped")
            return
        }
        #expect(stopped.target.name == "qa")
    }

    @Test(
        "Only the exact name has a route",
        arguments: [
            "pg.shop.example.net", "x.dev.pg.shop.example.net", "de.pg.shop.example.net", "dev.pg.shop.example.ne", "",
            "*.pg.shop.example.net", "127.0.0.1", "dev.pg.shop.example.net..",
        ]
    )
    func noOtherName(name: String) throws {
        let table = try parse(Self.map(routes: Self.route(#", "hostPort": 10001"#)))
        #expect(table.entry(for: name) == nil)
    }

    @Test("Hostnames are unique over both lists, whatever their case")
    func duplicates() {
        for (text, key) in [
            (
                Self.map(
                    routes: Self.route(#", "hostPort": 1"#) + ","
                        + Self.route(#", "hostPort": 2"#, hostname: "DEV.pg.shop.example.net")
                ),
                "routes[1].hostname"
            ),
            (Self.map(routes: Self.route(#", "hostPort": 1"#), stopped: Self.route("")), "stopped[0].hostname"),
            (Self.map(stopped: Self.route("", hostname: "ä")), "stopped[0].hostname"),
        ] {
            let error = #expect(throws: RouteMapError.self) { try parse(text) }
            #expect(error?.key == key)
        }
    }

    @Test(
        "Loopback addresses are backends",
        arguments: ["127.0.0.1", "127.1.2.3", "127.255.255.255", "127.0.0.0", "::1", "0:0:0:0:0:0:0:1", "0::0001"]
    )
    func loopback(host: String) throws {
        let table = try parse(Self.map(routes: Self.route(#", "hostPort": 1, "host": "\#(host)""#)))
        #expect(table.count == 1)
    }

    @Test("A file that is not there, or is a directory, is told by its path")
    func missingFile() throws {
        let directory = try TemporaryDirectory("route-map")
        defer { directory.remove() }
        for path in [directory.file("none.json"), directory.path] {
            let error = #expect(throws: RouteMapError.self) { try RouteMapFile.load(path: path) }
            #expect(error?.problem.contains(path) == true)
        }
        try directory.write(Self.map(routes: Self.route(#", "hostPort": 1"#)), to: "good.json")
        #expect(try RouteMapFile.load(path: directory.file("good.json")).count == 1)
    }
}
