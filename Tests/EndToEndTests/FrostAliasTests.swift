import Foundation
import TestSupport
import Testing

/// Former hostnames, through the commands, the gateway and psql.
@Suite struct FrostAliasTests {
    @Test(
        "A rename and another wildcard domain that keep old hostnames: both lead there, open sessions go on, also past the end"
    )
    func kept() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.check("branch", "create", "dev", "--database", "shop")
            try await host.direct(host.branch("dev"), "UPDATE mark SET branch = 'dev'")
            try await host.withGateway { _ in
                let dev = try await host.branch("dev")
                let oldURL = try await host.url("dev")
                try await eventually("dev answers") { try await answer(host, oldURL) == "dev\n" }

                // A session by the first name, over all that follows.
                let session = try await PsqlSession.open(oldURL, on: dev, of: host)
                try session.send("SELECT 'before'")

                try await host.check("branch", "rename", "dev", "neu", "--database", "shop", "--keep-hostname", "7d")
                let newURL = try await host.url("neu")
                try await eventually("the new name leads there") { try await answer(host, newURL) == "dev\n" }
                #expect(try await answer(host, oldURL) == "dev\n")

                // Nobody to ask, so nothing is changed.
                let refused = try await host.frost(["settings", "--wildcard-base", "*.other.localhost"])
                #expect(refused.exitCode == 64 && refused.errors.contains("--yes"), "\(refused.errors)")
                #expect(refused.errors.contains("2 hostnames would change"), "\(refused.errors)")
                try await host.check(
                    "settings",
                    "--wildcard-base",
                    "*.other.localhost",
                    "--yes",
                    "--keep-hostnames",
                    "7d"
                )
                let otherURL = try await host.url("neu")
                #expect(otherURL.contains("neu.pg.shop.other.localhost"))
                try await eventually("the new domain leads there") { try await answer(host, otherURL) == "dev\n" }
                for url in [oldURL, newURL] { #expect(try await answer(host, url) == "dev\n") }

                // Stopped and started: by each name the same.
                try await host.check("branch", "stop", "neu", "--database", "shop")
                for name in ["dev.pg.shop.localhost", "neu.pg.shop.localhost", "neu.pg.shop.other.localhost"] {
                    try await eventually("\(name) is stopped") { try host.refusal(of: name) == "57P03" }
                }
                try await host.check("branch", "start", "neu", "--database", "shop")
                try await eventually("the first name is back") { try await answer(host, oldURL) == "dev\n" }
                #expect(try await session.close().output.hasPrefix("before\n"))

                // The end of a name: its session goes on, and nobody else comes by it.
                let later = try await PsqlSession.open(oldURL, on: host.branch("neu"), of: host)
                try later.send("SELECT 'before its end'")
                #expect(try await host.check("branch", "alias", "list").contains("dev.pg.shop.localhost"))
                try await host.check("branch", "alias", "remove", "dev.pg.shop.localhost")
                try await eventually("the first name leads nowhere") {
                    try host.refusal(of: "dev.pg.shop.localhost") == "3D000"
                }
                #expect(try await answer(host, newURL) == "dev\n")
                try later.send("SELECT 'after its end'")
                #expect(try await later.close().output == "before its end\nafter its end\n")
                let unknown = try await host.frost(["branch", "alias", "remove", "dev.pg.shop.localhost"])
                #expect(unknown.exitCode == 66, "\(unknown.errors)")
            }
        }
    }

    @Test("While `frost up` runs, a former hostname ends when its time is over; its session goes on")
    func ends() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.check("branch", "create", "dev", "--database", "shop")
            try await host.withUp { _ in
                try await host.answers()
                let oldURL = try await host.url("dev")
                try await host.check("branch", "rename", "dev", "neu", "--database", "shop", "--keep-hostname", "1m")
                let newURL = try await host.url("neu")
                try await eventually("the new name leads there") { try await answer(host, newURL) == "main\n" }
                #expect(try await answer(host, oldURL) == "main\n")
                async let session = Command.run(
                    "psql",
                    ["-XqAt", "-c", "SELECT pg_sleep(75)", "-c", "SELECT 'goes on'", oldURL]
                )
                try await eventually("its time is over", within: .seconds(180)) {
                    try host.refusal(of: "dev.pg.shop.localhost") == "3D000"
                }
                #expect(try await answer(host, newURL) == "main\n")
                #expect(try await session.output.hasSuffix("goes on\n"))
                #expect(try await host.check("branch", "alias", "list", "--json").contains("hostname") == false)
            }
        }
    }

    @Test("On a terminal another wildcard domain is shown and asked for; what is typed decides")
    func question() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            for (typed, code, base) in [
                ("localhost", 77, "localhost"), ("", 77, "localhost"), ("other.localhost", 0, "other.localhost"),
            ] {
                let result = try await onTerminal(
                    host,
                    ["settings", "--wildcard-base", "*.Other.localhost", "--keep-hostnames", "36h"],
                    typing: typed
                )
                #expect(result.exitCode == Int32(code), "\(typed): \(result.output)")
                for text in [
                    "1 hostname will change", "main.pg.shop.localhost -> main.pg.shop.other.localhost",
                    "Names under localhost resolve to this host", "keep working for 36 hours", "Type other.localhost",
                ] {
                    #expect(result.output.contains(text), "\(text): \(result.output)")
                }
                #expect(try await host.check("settings", "--json").contains("\"wildcardBase\" : \"\(base)\""))
            }
            let none = try await onTerminal(host, ["settings", "--wildcard-base", "none"], typing: "other.localhost")
            #expect(none.exitCode == 0 && none.output.contains("1 hostname will be removed"), "\(none.output)")
            // Nobody loses a hostname: no question.
            try await host.check("settings", "--wildcard-base", "localhost")
        }
    }

    /// A command with a terminal for its input and output.
    private func onTerminal(
        _ host: FrostHost,
        _ arguments: [String],
        typing text: String
    ) async throws -> Command.Result {
        let script = """
            import os, pty, sys
            typed = sys.argv[1].encode() + b"\\n"
            pid, terminal = pty.fork()
            if pid == 0:
                os.execv(sys.argv[2], sys.argv[2:])
            shown, asked = b"", False
            while True:
                try:
                    part = os.read(terminal, 4096)
                except OSError:
                    break
                if not part:
                    break
                shown += part
                if not asked and b"to continue: " in shown:
                    asked = True
                    os.write(terminal, typed)
            sys.stdout.write(shown.decode())
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            """
        return try await Command.run(
            "python3",
            ["-c", script, text, Checkout.program("frost")] + arguments,
            environment: host.environment
        )
    }

    private func answer(_ host: FrostHost, _ url: String) async throws -> String {
        try await host.psql(url: url, "SELECT branch FROM mark").output
    }
}
