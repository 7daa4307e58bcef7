import Foundation
import NIOHTTP1
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// How `frost up` ends: as people end things, and as a crash does.
@Suite struct FrostUpEndTests {
    @Test("Killed: its gateway goes on, and the next one ends that and takes its place")
    func killed() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let left = try await host.withUp { pid in
                try await host.answers()
                let left = try host.gateway()
                try await Command.check("kill", ["-KILL", String(pid)])
                try await eventually("it is gone") { !FrostHost.isRunning(String(pid)) }
                #expect(try await host.psql("main", "SELECT branch FROM mark").output == "main\n")
                return left
            }
            #expect(FrostHost.isRunning(left))
            try await host.withUp(log: "next.log") { _ in
                try await eventually("another gateway has come up") {
                    let now = try? host.gateway()
                    return now != nil && now != left && !FrostHost.isRunning(left)
                }
                #expect(host.log("next.log").contains("process \(left)"))
                try await host.answers()
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
                try await host.answers()
                async let session = host.psql(url: url, "SELECT pg_sleep(600)")
                let main = try await host.branch("main")
                try await eventually("it sleeps") {
                    try await host.direct(main, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
                        == "1"
                }
                try await Command.check("kill", ["-\(signal)", String(pid)])
                try await eventually("it drains") { host.log().contains("SIGTERM received") }
                #expect(
                    try await host.direct(main, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
                        == "1"
                )
                try await Command.check("kill", ["-\(signal)", String(pid)])
                #expect(try await session.exitCode != 0)
                try await eventually("it ends") { !FrostHost.isRunning(String(pid)) }
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
                try await host.answers()
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
                    try await eventually("the gateway has ended") { (try? RawConnection(port: host.port)) == nil }
                    #expect(FrostHost.isRunning(String(pid)), "it waits for the copy")
                    try await Command.check("kill", ["-INT", String(pid)])
                    try await eventually("it ends") { !FrostHost.isRunning(String(pid)) }
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
                try await host.answers()
                let main = try await host.branch("main")
                let before = try host.postmaster(main)
                try await Command.check("kill", ["-KILL", before])
                try await eventually("frost restarts it") {
                    let now = try? host.postmaster(main)
                    return now != nil && now != before
                }
                try await host.answers()
                try await Command.check("kill", ["-TERM", String(pid)])
                try await eventually("it ends") { !FrostHost.isRunning(String(pid)) }
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
            while FrostHost.isRunning(String(pid)) {
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
