import Foundation
import NIOHTTP1
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// `frost up`: alone on its data directory, ended as people end things, and up again after what may happen to it.
@Suite struct FrostUpTests {
    private func answers(_ host: FrostHost) async throws {
        try await host.eventually("main answers through the gateway") {
            try await host.psql("main", "SELECT branch FROM mark").output == "main\n"
        }
    }

    private func gateway(_ host: FrostHost) throws -> String {
        let record = try String(contentsOfFile: host.directory.file("data/gateway.pid"), encoding: .utf8)
        return String(record.split(separator: " ")[0])
    }

    private func isRunning(_ process: String) -> Bool {
        guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
        return !stat.contains(") Z ")
    }

    @Test("A second one on the same data directory is refused, and changes nothing")
    func second() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { pid in
                try await answers(host)
                let before = try await host.check("settings", "--json")
                let other = try await host.frost(
                    ["up", "--no-gateway", "--port", "1", "--wildcard-base", "other.example"]
                )
                #expect(other.exitCode == 75)
                #expect(other.errors.contains("process \(pid)"), "\(other.errors)")
                let moved = try await host.frost(["settings", "--route-file", host.directory.file("other.json")])
                #expect(moved.exitCode == 75, "\(moved.errors)")
                #expect(try await host.check("settings", "--json") == before)
                try await answers(host)
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
                try await answers(host)
                let main = try await host.branch("main")
                try await Command.check("kill", ["-KILL", host.postmaster(main)])
                try await host.eventually("its end is noticed") { host.log().contains("was not running; started") }
                try await answers(host)

                try await Command.check("kill", ["-KILL", gateway(host)])
                try await host.eventually("its end is noticed") { host.log().contains("starting it again") }
                try await answers(host)

                try await Command.check("rm", [host.directory.file("data/routes.json")])
                try await host.eventually("the route map is there again") {
                    FileManager.default.fileExists(atPath: host.directory.file("data/routes.json"))
                }
                // What another process does while the route map cannot be written is made good later.
                let obstacle = host.directory.file("data/routes.json")
                try await host.eventually("a directory is in its way") {
                    try await Command.run("sh", ["-c", "rm -f \(obstacle); mkdir \(obstacle)"]).isSuccess
                }
                let refused = try await host.frost(["branch", "stop", "main", "--database", "shop"])
                #expect(refused.exitCode == 74, "\(refused.errors)")
                #expect(refused.errors.contains("routes.json"), "\(refused.errors)")
                #expect(try await host.branch("main").status == "active")
                try await Command.check("rm", ["-r", host.directory.file("data/routes.json")])
                try await host.eventually("the route map is there again") {
                    FileManager.default.fileExists(atPath: host.directory.file("data/routes.json"))
                }
                try await answers(host)
            }
        }
    }

    @Test("Another gateway port at run time: taken over at once; one that is taken ends nothing, and is told")
    func otherPort() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { pid in
                try await answers(host)
                let other = try await PostgresServer.freePort()
                try await host.check("settings", "--gateway-port", String(other))
                try await answers(host)
                #expect(try await host.url("main").contains(":\(other)/"))
                let squatter = try RawListener()
                try await host.check("settings", "--gateway-port", String(squatter.port))
                try await host.eventually("it is told") { host.log().contains("cannot run on port \(squatter.port)") }
                #expect(isRunning(String(pid)))
                // Back on what worked, also for the next start.
                try await host.eventually("it is set back") { try await host.url("main").contains(":\(other)/") }
                try await answers(host)
                let fault = try await settings(host).gatewayFault
                #expect(fault?.contains("went back to \(other)") == true, "\(fault ?? "no fault")")
                withExtendedLifetime(squatter) {}

                let third = try await PostgresServer.freePort()
                try await host.check("settings", "--gateway-port", String(third))
                try await answers(host)
                #expect(try await settings(host).gatewayFault == nil)
            }
        }
    }

    @Test("Disabled at run time, nothing listens; enabled again, and with another port, all is back")
    func disabled() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { _ in
                try await answers(host)
                try await host.check("settings", "--gateway-enabled", "false")
                try await host.eventually("nothing listens") { (try? RawConnection(port: host.port)) == nil }
                #expect(try await host.frost(["branch", "url", "main", "--database", "shop"]).exitCode != 0)
                try await host.check("settings", "--gateway-enabled", "true")
                try await answers(host)
                try await host.check("settings", "--gateway-enabled", "false")
                let other = try await PostgresServer.freePort()
                try await host.check("settings", "--gateway-enabled", "true", "--gateway-port", String(other))
                try await answers(host)
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
                try await host.eventually("it says so") {
                    host.log("disabled.log").contains("frost settings --gateway-enabled true")
                }
                try await host.check("settings", "--gateway-enabled", "true")
                try await answers(host)
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

    @Test("Killed: its gateway goes on, and the next one ends that and takes its place")
    func killed() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let left = try await host.withUp { pid in
                try await answers(host)
                let left = try gateway(host)
                try await Command.check("kill", ["-KILL", String(pid)])
                try await host.eventually("it is gone") { !isRunning(String(pid)) }
                #expect(try await host.psql("main", "SELECT branch FROM mark").output == "main\n")
                return left
            }
            #expect(isRunning(left))
            try await host.withUp(log: "next.log") { _ in
                try await host.eventually("another gateway has come up") {
                    let now = try? gateway(host)
                    return now != nil && now != left && !isRunning(left)
                }
                #expect(host.log("next.log").contains("process \(left)"))
                try await answers(host)
            }
        }
    }

    @Test(
        "A signal drains the gateway's sessions, a second one cuts them off; branches go on",
        arguments: ["INT", "HUP"]
    )
    func signals(signal: String) async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let url = try await host.url("main")
            try await host.withUp { pid in
                try await answers(host)
                async let session = host.psql(url: url, "SELECT pg_sleep(600)")
                let main = try await host.branch("main")
                try await host.eventually("it sleeps") {
                    try await host.direct(main, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
                        == "1"
                }
                try await Command.check("kill", ["-\(signal)", String(pid)])
                try await host.eventually("it drains") { host.log().contains("SIGTERM received") }
                #expect(
                    try await host.direct(main, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
                        == "1"
                )
                try await Command.check("kill", ["-\(signal)", String(pid)])
                #expect(try await session.exitCode != 0)
                try await host.eventually("it ends") { !isRunning(String(pid)) }
            }
            #expect(try await host.direct(host.branch("main"), "SELECT branch FROM mark") == "main")
        }
    }

    @Test(
        "A third signal ends it while a copy takes for ever; what was under way is made good",
        .timeLimit(.minutes(3))
    )
    func thirdSignal() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let main = try await host.branch("main")
            let postmaster = try host.postmaster(main)
            try await host.withUp { pid in
                try await answers(host)
                // It takes connections and answers none.
                try await Command.check("kill", ["-STOP", postmaster])
                let outcome: Result<Void, any Error>
                do {
                    let database = try #require(try await host.list("database", as: [FrostHost.NamedThing].self).first)
                        .id
                    let body = try await host.api().send(.POST, "databases/\(database)/targets", #"{"name": "qa"}"#)
                        .body
                    #expect(String(decoding: body, as: UTF8.self).contains("running"))
                    for _ in 0..<2 { try await Command.check("kill", ["-INT", String(pid)]) }
                    try await host.eventually("the gateway has ended") { (try? RawConnection(port: host.port)) == nil }
                    #expect(isRunning(String(pid)), "it waits for the copy")
                    try await Command.check("kill", ["-INT", String(pid)])
                    try await host.eventually("it ends") { !isRunning(String(pid)) }
                    outcome = .success(())
                } catch { outcome = .failure(error) }
                try await Command.check("kill", ["-CONT", postmaster])
                try outcome.get()
            }
            #expect(host.log().contains("ended at once"))
            try await host.check("recover")
            #expect(try await host.branches().map(\.name) == ["main"])
            #expect(try await host.direct(main, "SELECT branch FROM mark") == "main")
        }
    }

    @Test("Nobody reads what it prints: it looks after its branches all the same, and ends when it is told to")
    func unread() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let pipe = host.directory.file("pipe")
            try await Command.check("mkfifo", [pipe])
            let descriptor = open(pipe, O_RDWR | O_NONBLOCK | O_CLOEXEC)
            try #require(descriptor >= 0)
            defer { close(descriptor) }
            let line = [UInt8](repeating: UInt8(ascii: "x"), count: 4_096)
            while write(descriptor, line, line.count) > 0 {}
            let command = ([Checkout.program("frost")] + host.upArguments).joined(separator: " ")
            try await Program.whileRunning(
                "/bin/sh",
                ["-c", "exec \(command) > \(pipe) 2>&1"],
                environment: host.upEnvironment,
                port: host.port,
                log: host.directory.file("up.log")
            ) { pid in
                try await answers(host)
                let main = try await host.branch("main")
                let before = try host.postmaster(main)
                try await Command.check("kill", ["-KILL", before])
                try await host.eventually("it is started again") {
                    let now = try? host.postmaster(main)
                    return now != nil && now != before
                }
                try await answers(host)
                try await Command.check("kill", ["-TERM", String(pid)])
                try await host.eventually("it ends") { !isRunning(String(pid)) }
            }
        }
    }

    @Test("A store that is taken away under it is told, once, and nothing else changes")
    func storeTakenAway() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { _ in
                try await answers(host)
                let url = try await host.url("main")
                let store = host.directory.file("data/frost.db")
                try await Command.check("mv", [store, store + ".kept"])
                try await host.eventually("it is told") { host.log().contains("was removed or replaced") }
                #expect(try await host.psql(url: url, "SELECT branch FROM mark").output == "main\n")
                try await Command.check("mv", [store + ".kept", store])
                try await answers(host)
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
                try await host.eventually("it is there") { host.log().contains("page and API: http://[::1]:") }
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
                try await answers(host)
                let main = try await host.branch("main")
                let branches = try await host.list("database", as: [FrostHost.NamedThing].self)
                let database = try #require(branches.first).id
                struct Connections: Decodable {
                    struct Connection: Decodable { var snippets: [Snippet] }
                    struct Snippet: Codable {
                        var kind: String
                        var text: String
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
                    for kind in ["url", "psql", "env", "node", "jdbc", "python", "go"] {
                        #expect(tried.output.contains("\(kind): ok\n"), "\(kind): \(tried.output)")
                    }
                }
            }
        }
    }

    @Test("Ctrl-C during the first start: what was begun is brought to an end, and nothing is left of a temporary one")
    func interruptedStart() async throws {
        let place = try TemporaryDirectory("interrupted")
        defer { place.remove() }
        let certificate = try await SelfSignedCertificate.make(in: place, for: ["*.pg.shop.localhost"])
        try await Program.whileRunning(
            Checkout.program("frost"),
            [
                "up", "--temporary", "--port", String(try await PostgresServer.freePort()), "--listen-address",
                "127.0.0.1", "--api-address", "127.0.0.1:0", "--cert-file", certificate.certFile, "--key-file",
                certificate.keyFile,
            ],
            environment: [
                "TMPDIR": place.path, "FROST_HOST_PORTS": HostPorts.nextText(),
                "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": "127.0.0.1:0",
            ],
            port: nil,
            log: place.file("log")
        ) { pid in
            let servers = {
                try await Command.run("pgrep", ["-f", "^/.*/initdb .*\(place.path)|-D \(place.path)"]).output
            }
            var deadline = ContinuousClock.now + .seconds(60)
            while try await servers().isEmpty {
                try #require(ContinuousClock.now < deadline, "no initdb within a minute")
            }
            try await Command.check("kill", ["-INT", String(pid)])
            deadline = ContinuousClock.now + .seconds(120)
            while isRunning(String(pid)) {
                try #require(ContinuousClock.now < deadline, "it does not end")
                await Task.yield()
            }
            #expect(try await servers().isEmpty, "no server is left")
        }
        let printed = try String(contentsOfFile: place.file("log"), encoding: .utf8)
        #expect(printed.contains("nothing is left behind"), "\(printed)")
        let left = try FileManager.default.contentsOfDirectory(atPath: place.path).filter { $0.hasPrefix("frost-up") }
        #expect(left.isEmpty)
    }
}
