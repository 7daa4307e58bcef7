import Foundation
import TestSupport
import Testing

/// `frost` and the gateway together, as people use them: through the commands and through psql.
@Suite struct FrostTests {
    @Test(
        "Two branches on one port: made, isolated both ways, stopped, started, renamed, reset, deleted",
        arguments: FrostHost.Runtime.allCases
    )
    func branches(runtime: FrostHost.Runtime) async throws {
        try await FrostHost.run(runtime) { host in
            try await host.makeShop()
            try await host.withGateway { _ in
                #expect(try await host.psql("main", "SELECT branch FROM mark").output == "main\n")
                try await host.check("branch", "create", "dev", "--database", "shop")
                try await eventually("dev is routed") {
                    try await host.psql("dev", "UPDATE mark SET branch = 'dev'").exitCode == 0
                }
                #expect(try await host.psql("main", "SELECT branch FROM mark").output == "main\n")
                #expect(try await host.psql("dev", "SELECT branch FROM mark").output == "dev\n")

                let dev = try await host.branch("dev")
                let devURL = try await host.url("dev")
                try await host.check("branch", "stop", "dev", "--database", "shop")
                let stop = ContinuousClock.now
                let hostname = try #require(dev.hostname)
                try await eventually("it is told that it is stopped") {
                    try await host.psql(url: devURL, "SELECT 1").errors.contains("is stopped")
                }
                let refused = ContinuousClock.now - stop
                #expect(try host.refusal(of: hostname) == "57P03")
                try await host.check("branch", "start", "dev", "--database", "shop")
                let start = ContinuousClock.now
                try await eventually("it is back") {
                    try await host.psql("dev", "SELECT branch FROM mark").output == "dev\n"
                }
                print(
                    "measured, \(runtime): refused \(refused) after stop, back \(ContinuousClock.now - start) after start"
                )

                // An open session goes on over a rename; new ones find the new name, and not the old one.
                let session = try await PsqlSession.open(devURL, on: dev, of: host)
                try session.send("SELECT 'before'")
                try await host.check("branch", "rename", "dev", "neu", "--database", "shop")
                try await eventually("the new name leads there") {
                    try await host.psql("neu", "SELECT branch FROM mark").output == "dev\n"
                }
                #expect(try await host.psql(url: devURL, "SELECT 1").errors.contains("no branch has the hostname"))
                try session.send("SELECT 'after'")
                let result = try await session.close()
                #expect(result.output == "before\nafter\n", "\(result.errors)")

                // A reset ends sessions, and gives the data of the source.
                let neu = try await host.branch("neu")
                async let sleeping = host.psql("neu", "SELECT pg_sleep(600)")
                try await eventually("it sleeps") {
                    try await host.direct(neu, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
                        == "1"
                }
                try await host.check("branch", "reset", "neu", "--database", "shop")
                #expect(try await sleeping.exitCode != 0)
                try await eventually("it is back") {
                    try await host.psql("neu", "SELECT branch FROM mark").output == "main\n"
                }
                #expect(try await host.branch("neu").hostPort == dev.hostPort)

                let neuURL = try await host.url("neu")
                try await host.check("branch", "delete", "neu", "--database", "shop")
                try await eventually("nobody has its name") {
                    try await host.psql(url: neuURL, "SELECT 1").errors.contains("no branch has the hostname")
                }
                #expect(try host.refusal(of: try #require(neu.hostname)) == "3D000")
                #expect(try await host.psql("main", "SELECT branch FROM mark").output == "main\n")
            }
            // The direct host port works with the gateway on, and gone.
            #expect(try await host.direct(host.branch("main"), "SELECT branch FROM mark") == "main")
        }
    }

    @Test("The internal name and the direct host port work the same with the gateway on, off and killed")
    func internalNames() async throws {
        try await FrostHost.run(.docker) { host in
            try await host.makeShop()
            let main = try await host.branch("main")
            let password = String(try await host.url("main").split(separator: "@")[0].split(separator: ":")[2])
            let image = try await PostgresImage.tag()
            @Sendable func expectBoth(_ place: String) async throws {
                #expect(try await host.direct(main, "SELECT branch FROM mark") == "main", "\(place)")
                let inside = try await Command.run(
                    "docker",
                    [
                        "run", "--rm", "--network", host.network, "-e", "PGPASSWORD=\(password)", "--entrypoint",
                        "psql",
                        image, "-XqAt", "-c", "SELECT branch FROM mark",
                        "host=shop--main.frost.internal port=5432 user=frost dbname=shop",
                    ]
                )
                #expect(inside.output == "main\n", "\(place): \(inside.errors)")
            }
            try await expectBoth("off")
            try await host.withGateway { pid in
                try await eventually("the gateway is on") {
                    try await host.psql("main", "SELECT branch FROM mark").output == "main\n"
                }
                try await expectBoth("on")
                try await Command.check("kill", ["-KILL", String(pid)])
                try await eventually("it is gone") { try await host.psql("main", "SELECT 1").exitCode == 2 }
                try await expectBoth("killed")
            }
        }
    }

    @Test("What cannot be done: one line, and an exit code of its own")
    func refusals() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let cases: [([String], Int32, String)] = [
                (["branch", "create", "Not A Name", "--database", "shop"], 64, "Not A Name"),
                (["branch", "stop", "dev", "--database", "shop"], 66, "no branch 'dev'"),
                (["branch", "stop", "main", "--database", "none"], 66, "no database 'none'"),
                (["database", "create", "x", "--project", "none"], 66, "no project 'none'"),
                (["database", "create", "shop", "--project", "shop"], 73, "already"),
                (["project", "create", "shop"], 73, "already"),
                (["project", "delete", "shop"], 77, "has databases"),
                (["branch", "delete", "main", "--database", "shop"], 77, "delete the database"),
                (["branch", "rename", "main", "x", "--database", "shop"], 77, "cannot be renamed"),
                (["branch", "reset", "main", "--database", "shop"], 77, "cannot be reset"),
                (["settings", "--wildcard-base", "-"], 64, "wildcard domain"),
                (["settings", "--gateway-port", "0"], 64, "invalid port 0"),
                (["recover", "--host-ports", "9-1"], 64, "10000-20000"),
                (["settings", "--container-memory", "much"], 64, "512MiB"),
                (["settings", "--container-memory", "1"], 64, "at least"),
                (["settings", "--container-cpus", "0"], 64, "1.5"),
                (
                    ["branch", "stop", "main", "--database", "shop", "--route-file", "/x.json"], 64,
                    "settings --route-file"
                ),
                (["branch", "list", "--data-dir", "/tmp/no such directory"], 74, "there is no store"),
                (["recover", "--data-dir", "/proc/none"], 74, "/proc/none"),
            ]
            for (arguments, code, text) in cases {
                let result = try await host.frost(arguments)
                #expect(result.exitCode == code, "\(arguments): \(result.errors)")
                #expect(result.errors.contains(text), "\(arguments): \(result.errors)")
                #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
            }
            #expect(try await host.frost(["nonsense"]).exitCode == 64)
            for command in ["up", "project", "database", "branch", "settings", "recover"] {
                #expect(try await host.frost([command, "--help"]).exitCode == 0)
            }
        }
    }

    /// How often the gateway has taken a route map up.
    private func loads(_ host: FrostHost) -> Int {
        let log = (try? String(contentsOfFile: host.directory.file("gateway.log"), encoding: .utf8)) ?? ""
        return log.components(separatedBy: "route map loaded").count - 1
    }

    @Test("500 changes of routes under busy sessions: none is lost that should not be, none is led to another's data")
    func routeUpdates() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            for name in ["dev", "qa"] {
                try await host.check("branch", "create", name, "--database", "shop")
                try await host.direct(host.branch(name), "UPDATE mark SET branch = '\(name)'")
            }
            let urls = ["main": try await host.url("main"), "dev": try await host.url("dev")]
            try await host.withGateway { _ in
                try await eventually("both are routed") {
                    for url in urls.values where try await host.psql(url: url, "SELECT 1").exitCode != 0 {
                        return false
                    }
                    return true
                }
                let original = try Data(contentsOf: URL(fileURLWithPath: host.directory.file("data/routes.json")))
                let done = LockedFlag()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    // Sessions that are busy all the time, 16 on each branch.
                    for number in 0..<32 {
                        let (name, url) = number % 2 == 0 ? ("main", urls["main"] ?? "") : ("dev", urls["dev"] ?? "")
                        group.addTask {
                            let script = Array(repeating: "SELECT branch, pg_sleep(0.05) FROM mark;", count: 100)
                                .joined(separator: "\n")
                            repeat {
                                let result = try await host.psql(url: url, script)
                                #expect(result.exitCode == 0, "a session was lost: \(result.errors)")
                                #expect(Set(result.output.split(separator: "\n")) == ["\(name)|"])
                            } while !done.get()
                        }
                    }
                    // New connections meanwhile: each to its own branch.
                    for (name, url) in urls {
                        group.addTask {
                            while !done.get() {
                                let result = try await host.psql(url: url, "SELECT branch FROM mark")
                                #expect(result.output == "\(name)\n", "\(result.errors)")
                            }
                        }
                    }
                    group.addTask {
                        // A third branch goes through its life meanwhile.
                        while !done.get() {
                            try await host.check("branch", "rename", "qa", "qb", "--database", "shop")
                            try await host.check("branch", "stop", "qb", "--database", "shop")
                            try await host.check("branch", "rename", "qb", "qa", "--database", "shop")
                            try await host.check("branch", "start", "qa", "--database", "shop")
                        }
                    }
                    group.addTask {
                        // Others come and go; these two stay.
                        for round in 0..<500 {
                            // No faster than the gateway takes them up.
                            while loads(host) < round / 4 { await Task.yield() }
                            let extra =
                                #"{ "hostname": "b\#(round).pg.shop.localhost", "hostPort": 1, "target": { "id": "dbt_x", "name": "x", "database": "x", "project": "x" } },"#
                            let text = String(decoding: original, as: UTF8.self).replacing(
                                #""routes" : ["#,
                                with: #""routes" : [ \#(extra)"#
                            )
                            try host.directory.write(text, to: "data/routes.json")
                        }
                        try host.directory.write(String(decoding: original, as: UTF8.self), to: "data/routes.json")
                        done.set()
                    }
                    try await group.waitForAll()
                }
                let log = try String(contentsOfFile: host.directory.file("gateway.log"), encoding: .utf8)
                #expect(loads(host) >= 125, "as many were taken up as the pace says")
                #expect(log.contains(#""added":1"#), "others came")
                #expect(log.contains(#""removed":1"#), "and went")
                #expect(!log.contains("could not load route map"))
            }
        }
    }
}
