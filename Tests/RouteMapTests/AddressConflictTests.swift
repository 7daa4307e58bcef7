import Foundation
import Testing

@testable import RouteMap

/// Routes of different targets to one address.
@Suite struct AddressConflictTests {
    private func route(
        _ name: String,
        _ id: String,
        host: String = Route.defaultHost,
        port: UInt16 = 10_000,
        isShared: Bool = false
    ) throws -> Route {
        Route(
            hostname: try Hostname("\(name).example"),
            host: host,
            hostPort: port,
            isSharedAddress: isShared,
            target: Target(id: id, name: name, database: "d", project: "p")
        )
    }

    private func conflicts(_ routes: [Route]) throws -> [[String]] {
        // By way of the file, so that the key is written and read as well.
        let data = try RouteMapFile.encode(routes: routes, stopped: [], generatedAt: .now)
        let table = try RouteMapFile.parse(data)
        for route in routes {
            let isInConflict = table.conflicts.contains { $0.routes.contains(route) }
            #expect(table.serves(route) == !isInConflict)
            #expect(
                table.entry(for: route.hostname.name) == (isInConflict ? .conflicting(route) : .active(route))
            )
        }
        return table.conflicts.map { $0.routes.map(\.hostname.name) }
    }

    @Test("Two targets at one address are in conflict, and nobody else")
    func two() throws {
        let other = try route("c", "3", port: 10_001)
        #expect(try conflicts([route("a", "1"), route("b", "2"), other]) == [["a.example", "b.example"]])
        #expect(try conflicts([route("a", "1"), other]).isEmpty)
    }

    @Test("One target may have several hostnames at its address")
    func sameTarget() throws {
        #expect(try conflicts([route("a", "1"), route("b", "1"), route("c", "1")]).isEmpty)
    }

    @Test("Three are in conflict together, in the order of the map")
    func three() throws {
        let routes = try [route("c", "3"), route("a", "1"), route("b", "2"), route("d", "1")]
        #expect(try conflicts(routes) == [["c.example", "a.example", "b.example", "d.example"]])
    }

    @Test("An address is shared when all routes say so; one that does not makes the conflict of all")
    func shared() throws {
        let a = try route("a", "1", isShared: true)
        let b = try route("b", "2", isShared: true)
        #expect(try conflicts([a, b]).isEmpty)
        #expect(try conflicts([a, b, route("c", "3", isShared: true)]).isEmpty)
        #expect(try conflicts([a, route("b", "2")]) == [["a.example", "b.example"]])
        #expect(try conflicts([route("a", "1"), b]) == [["a.example", "b.example"]])
        #expect(try conflicts([a, b, route("c", "3")]) == [["a.example", "b.example", "c.example"]])
        // A flag with nobody to share with means nothing.
        #expect(try conflicts([a]).isEmpty)
    }

    @Test("Addresses are compared by value, not by spelling")
    func spelling() throws {
        #expect(
            try conflicts([route("a", "1", host: "::1"), route("b", "2", host: "0:0:0:0:0:0:0:1")])
                == [["a.example", "b.example"]]
        )
        #expect(
            try conflicts([
                route("a", "1", host: "127.0.0.1"), route("b", "2", host: "127.0.0.2"), route("c", "3", host: "::1"),
                route("d", "4", port: 10_001),
            ]).isEmpty
        )
        // A session that was begun under one spelling is found under the other.
        let table = try RouteTable(routes: [route("a", "1", host: "::1")], stopped: [])
        #expect(try table.serves(route("b", "1", host: "0::1")))
        #expect(try !table.serves(route("b", "2", host: "0::1")))
        #expect(try !table.serves(route("a", "1", host: "10.0.0.1")))
    }

    @Test("A conflict that comes or goes is a change of its routes")
    func changes() throws {
        let a = try route("a", "1")
        let b = try route("b", "2")
        let one = try RouteTable(routes: [a], stopped: [])
        let both = try RouteTable(routes: [a, b], stopped: [])
        #expect(both.changes(since: one) == RouteTable.Changes(added: 1, changed: 1))
        #expect(one.changes(since: both) == RouteTable.Changes(removed: 1, changed: 1))
        #expect(!one.isSame(as: both) && !both.isSame(as: one))
    }

    @Test("Tables are the same in any order and whenever confirmed, and differ by anything else")
    func same() throws {
        let routes = try [route("a", "1"), route("b", "2", port: 10_001)]
        let stopped = [StoppedRoute(hostname: try Hostname("s.example"), target: routes[0].target)]
        let confirmation = RouteMapConfirmation(confirmedAt: .now, validForSeconds: 300)
        let table = try RouteTable(routes: routes, stopped: stopped)
        #expect(try table.isSame(as: RouteTable(routes: routes, stopped: stopped, confirmation: confirmation)))
        #expect(try table.isSame(as: RouteTable(routes: routes.reversed(), stopped: stopped)))
        #expect(try !table.isSame(as: RouteTable(routes: routes, stopped: [])))
        #expect(try !table.isSame(as: RouteTable(routes: [routes[0]], stopped: stopped)))
        for change in [
            { (route: inout Route) in route.hostPort = 10_005 }, { $0.maxConnections = 1 },
            { $0.isSharedAddress = true }, { $0.target.name = "z" }, { $0.target.id = "9" }, { $0.host = "127.0.0.9" },
        ] {
            var changed = routes
            change(&changed[1])
            #expect(try !table.isSame(as: RouteTable(routes: changed, stopped: stopped)))
        }
    }
}
