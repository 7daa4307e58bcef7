import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// `frost up`: alone on its data directory, and up again after what may happen beside it.
@Suite struct FrostUpTests {
    @Test("A second one on the same data directory is refused, and changes nothing")
    func second() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { pid in
                try await host.answers()
                let before = try await host.check("settings", "--json")
                let other = try await host.frost(
                    ["up", "--no-gateway", "--port", "1", "--wildcard-base", "other.example"]
                )
                #expect(other.exitCode == 75)
                #expect(other.errors.contains("process \(pid)"), "\(other.errors)")
                let moved = try await host.frost(["settings", "--route-file", host.directory.file("other.json")])
                #expect(moved.exitCode == 75, "\(moved.errors)")
                #expect(try await host.check("settings", "--json") == before)
                try await host.answers()
            }
            #expect(!host.log().contains(try await password(host)), "no password is printed where nobody looks")
        }
    }

    private func password(_ host: FrostHost) async throws -> String {
        String(try await host.url("main").split(separator: "@")[0].split(separator: ":")[2])
    }

    @Test("What dies is there again: a server, the gateway, the route map")
    func lookedAfter() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { _ in
                try await host.answers()
                let main = try await host.branch("main")
                try await Command.check("kill", ["-KILL", host.postmaster(main)])
                try await eventually("its end is noticed") { host.log().contains("was not running; started") }
                try await host.answers()

                try await Command.check("kill", ["-KILL", host.gateway()])
                try await eventually("its end is noticed") { host.log().contains("restarting it") }
                try await host.answers()

                try await Command.check("rm", [host.directory.file("data/routes.json")])
                try await eventually("the route map is there again") {
                    FileManager.default.fileExists(atPath: host.directory.file("data/routes.json"))
                }
                // What another process does while the route map cannot be written is made good later.
                let obstacle = host.directory.file("data/routes.json")
                try await eventually("a directory is in its way") {
                    try await Command.run("sh", ["-c", "rm -f \(obstacle); mkdir \(obstacle)"]).isSuccess
                }
                let refused = try await host.frost(["branch", "stop", "main", "--database", "shop"])
                #expect(refused.exitCode == 74, "\(refused.errors)")
                #expect(refused.errors.contains("routes.json"), "\(refused.errors)")
                #expect(try await host.branch("main").status == "active")
                try await Command.check("rm", ["-r", host.directory.file("data/routes.json")])
                try await eventually("the route map is there again") {
                    FileManager.default.fileExists(atPath: host.directory.file("data/routes.json"))
                }
                try await host.answers()
            }
        }
    }

    @Test("Another gateway port at run time: taken over at once; one that is taken ends nothing, and is told")
    func otherPort() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { pid in
                try await host.answers()
                let other = try await PostgresServer.freePort()
                try await host.check("settings", "--gateway-port", String(other))
                try await host.answers()
                #expect(try await host.url("main").contains(":\(other)/"))
                let squatter = try RawListener()
                try await host.check("settings", "--gateway-port", String(squatter.port))
                try await eventually("it is told") { host.log().contains("cannot run on port \(squatter.port)") }
                #expect(FrostHost.isRunning(String(pid)))
                // Back on what worked, also for the next start.
                try await eventually("it is set back") { try await host.url("main").contains(":\(other)/") }
                try await host.answers()
                let fault = try await settings(host).gatewayFault
                #expect(fault?.contains("returned to port \(other)") == true, "\(fault ?? "no fault")")
                withExtendedLifetime(squatter) {}

                let third = try await PostgresServer.freePort()
                try await host.check("settings", "--gateway-port", String(third))
                try await host.answers()
                #expect(try await settings(host).gatewayFault == nil)
            }
        }
    }

    @Test("Disabled at run time, nothing listens; enabled again, and with another port, all is back")
    func disabled() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { _ in
                try await host.answers()
                try await host.check("settings", "--gateway-enabled", "false")
                try await eventually("nothing listens") { (try? RawConnection(port: host.port)) == nil }
                #expect(try await host.frost(["branch", "url", "main", "--database", "shop"]).exitCode != 0)
                try await host.check("settings", "--gateway-enabled", "true")
                try await host.answers()
                try await host.check("settings", "--gateway-enabled", "false")
                let other = try await PostgresServer.freePort()
                try await host.check("settings", "--gateway-enabled", "true", "--gateway-port", String(other))
                try await host.answers()
                #expect(try await host.url("main").contains(":\(other)/"))
            }
            // At a start as well.
            try await host.check("settings", "--gateway-enabled", "false")
            try await Program.whileRunning(
                Checkout.program("frost"),
                host.upArguments,
                environment: host.upEnvironment,
                port: nil,
                log: host.directory.file("disabled.log")
            ) { _ in
                try await eventually("it says so") {
                    host.log("disabled.log").contains("frost settings --gateway-enabled true")
                }
                try await host.check("settings", "--gateway-enabled", "true")
                try await host.answers()
            }
        }
    }

    private struct Settings: Decodable { var gatewayFault: String? }

    private func settings(_ host: FrostHost) async throws -> Settings {
        try JSONDecoder().decode(Settings.self, from: Data(await host.check("settings", "--json").utf8))
    }

    @Test("A port that is taken at the start ends it with 98, and names the port", .timeLimit(.minutes(2)))
    func takenPort() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let squatter = try RawListener()
            for replaced in [
                ["--port", String(squatter.port)], ["--api-address", "127.0.0.1:\(squatter.port)"],
            ] {
                let up = try await host.frost(host.upArguments + replaced, environment: host.upEnvironment)
                #expect(up.exitCode == 98, "\(replaced): \(up.output) \(up.errors)")
                #expect(up.errors.contains(String(squatter.port)), "\(replaced): \(up.errors)")
            }
            #expect(try await host.url("main").contains(":\(host.port)/"), "what was set is as it was")
            withExtendedLifetime(squatter) {}
        }
    }

    @Test("A store that is taken away under it is told, once, and nothing else changes")
    func storeTakenAway() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { _ in
                try await host.answers()
                let url = try await host.url("main")
                let store = host.directory.file("data/frost.db")
                try await Command.check("mv", [store, store + ".kept"])
                try await eventually("it is told") { host.log().contains("was removed or replaced") }
                #expect(try await host.psql(url: url, "SELECT branch FROM mark").output == "main\n")
                try await Command.check("mv", [store + ".kept", store])
                try await host.answers()
            }
            #expect(host.log().components(separatedBy: "was removed or replaced").count == 2, "told once")
        }
    }

    @Test("The page at an IPv6 address, and addresses that are none")
    func apiAddress() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            for address in ["::1", "localhost:3000", "[::1]", "127.0.0.1:", "127.0.0.1:70000", "nowhere"] {
                let refused = try await host.frost(["up", "--no-gateway", "--api-address", address])
                #expect(refused.exitCode == 64, "\(address): \(refused.errors)")
                #expect(refused.errors.contains(address), "\(refused.errors)")
            }
            try await Program.whileRunning(
                Checkout.program("frost"),
                ["up", "--no-gateway", "--no-example", "--api-address", "[::1]:0"],
                environment: host.upEnvironment,
                port: nil,
                log: host.directory.file("up.log")
            ) { _ in
                try await eventually("it is there") { host.log().contains("page and API: http://[::1]:") }
                try await eventually("it says what Ctrl-C stops") { host.log().contains("Ctrl-C here stops ") }
                let ends = "Ctrl-C here stops frost; branches and the gateway keep running."
                #expect(host.log().contains(ends), "it has no gateway to stop: \(host.log())")
                let health = try await host.api().send(.GET, "health").body
                #expect(String(decoding: health, as: UTF8.self).contains("ok"))
            }
            let missing = try await host.frost(
                host.upArguments,
                environment: host.upEnvironment.merging(["FROST_GATEWAY_PROGRAM": "/nowhere/gateway"]) { $1 }
            )
            #expect(missing.exitCode == 64 && missing.errors.contains("/nowhere/gateway"), "\(missing.errors)")
        }
    }

    @Test("Every tab of the page, as pasted, with its driver: through the gateway and past it")
    func snippets() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { _ in
                try await host.answers()
                let main = try await host.branch("main")
                let branches = try await host.list("database", as: [FrostHost.NamedThing].self)
                let database = try #require(branches.first).id
                struct Connections: Decodable {
                    struct Connection: Decodable { var snippets: [Snippet] }
                    struct Snippet: Codable {
                        var kind: String
                        var text: String
                        var url: String?
                    }
                    var external: Connection
                    var direct: Connection
                }
                let body = try await host.api().send(.GET, "databases/\(database)/targets/\(main.id)/connections").body
                let connections = try JSONDecoder().decode(Connections.self, from: body)
                for connection in [connections.external, connections.direct] {
                    let text = try JSONEncoder().encode(connection.snippets)
                    try host.directory.write(String(decoding: text, as: UTF8.self), to: "snippets.json")
                    let tried = try await Command.run(
                        "python3",
                        ["scripts/snippets_test.py", "--expected", "shop", host.directory.file("snippets.json")]
                    )
                    #expect(tried.exitCode == 0, "\(tried.output) \(tried.errors)")
                    for kind in VerifyFullTests.kinds {
                        #expect(tried.output.contains("\(kind): ok\n"), "\(kind): \(tried.output)")
                    }
                }
            }
        }
    }
}
