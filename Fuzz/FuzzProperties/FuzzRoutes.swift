import RouteMap

/// The routes of a fuzzer that needs some.
enum FuzzRoutes {
    static let all: [Route] = ["dev.pg.shop.example", "main.pg.shop.example", "xn--mnchen-3ya.pg.shop.example"]
        .enumerated()
        .compactMap { index, name in
            guard let hostname = try? Hostname(name) else { return nil }
            return Route(
                hostname: hostname,
                hostPort: UInt16(10_000 + index),
                // One has a limit of its own.
                maxConnections: index == 1 ? 2 : nil,
                target: Target(id: "dbt_\(index)", name: "b\(index)", database: "shop", project: "shop")
            )
        }

    static let table: RouteTable = (try? RouteTable(routes: all, stopped: [])) ?? .empty
}
