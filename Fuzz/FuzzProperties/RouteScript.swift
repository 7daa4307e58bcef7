import NIOCore
import RouteMap

/// Maps made of values, with much in common: hostnames that stand twice, addresses of several targets, former hostnames.
enum RouteScript {
    static func run(_ script: inout ByteBuffer) throws(Violation) {
        var routes: [Route] = []
        var stopped: [StoppedRoute] = []
        while let byte = script.readInteger(as: UInt8.self) {
            guard let hostname = hostname(&script) else { continue }
            let target = target(&script)
            if byte & 3 == 3 {
                stopped.append(StoppedRoute(hostname: hostname, target: target))
                continue
            }
            let hosts = ["127.0.0.1", "127.0.0.2", "127.255.255.255", "::1", "0::1", "10.0.0.1"]
            routes.append(
                Route(
                    hostname: hostname,
                    host: byte & 4 == 0 ? hosts[0] : hosts[Int(script.readByte()) % hosts.count],
                    hostPort: 10_000 + UInt16(script.readByte() % 4),
                    maxConnections: byte & 8 == 0 ? nil : Int(script.readByte()),
                    isSharedAddress: byte & 16 != 0,
                    target: target
                )
            )
        }
        let table: RouteTable
        do throws(RouteMapError) {
            table = try RouteTable(routes: routes, stopped: stopped)
        } catch {
            let names = routes.map(\.hostname) + stopped.map(\.hostname)
            let isAtFault = Set(names).count < names.count || routes.contains { $0.host == "10.0.0.1" }
            try require(isAtFault, "a good map is refused: \(error)")
            return
        }
        // A limit of 0 is one that no file may have; nothing but a reader checks it.
        if !routes.contains(where: { $0.maxConnections == 0 }) { try RouteProperties.checkTable(table) }
        try checkChanges(table, routes, stopped)
    }

    private static func hostname(_ script: inout ByteBuffer) -> Hostname? {
        let number = script.readByte()
        guard number == 255 else { return try? Hostname("b\(number % 16).pg.shop.example") }
        return try? Hostname(String(buffer: script.readStretch()))
    }

    private static func target(_ script: inout ByteBuffer) -> Target {
        let number = script.readByte()
        guard number == 255 else {
            return Target(id: "dbt_\(number % 8)", name: "b\(number % 8)", database: "shop", project: "shop")
        }
        let text = String(buffer: script.readStretch())
        return Target(id: text, name: text, database: "", project: String(text.reversed()))
    }

    /// The order of a map says nothing, and what is taken out of one is all that changes.
    private static func checkChanges(_ table: RouteTable, _ routes: [Route], _ stopped: [StoppedRoute])
        throws(Violation)
    {
        guard let turned = try? RouteTable(routes: routes.reversed(), stopped: stopped.reversed()) else {
            throw Violation("the order of a map decides whether it is taken")
        }
        try require(turned.isSame(as: table), "the order of a map changes it")
        guard let last = routes.last else { return }
        guard let fewer = try? RouteTable(routes: routes.dropLast(), stopped: stopped) else {
            throw Violation("a good map without one route is refused")
        }
        let changes = fewer.changes(since: table)
        try require(changes.removed == 1 && changes.added == 0, "one route less is \(changes)")
        try require(fewer.entry(for: last.hostname.name) == nil, "a route that is gone is still there")
        // A session goes on exactly while its target is where it was, and nobody else is.
        for route in routes {
            let sameTarget = routes.dropLast().contains {
                $0.target.id == route.target.id && $0.host == route.host && $0.hostPort == route.hostPort
            }
            if fewer.serves(route), !sameTarget, route.host != "::1", route.host != "0::1" {
                throw Violation("a session goes on whose route is gone")
            }
        }
    }
}
