import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What a hand types: names of branches, commands, completion.
@Suite struct FrostCommandLineTests {
    @Test("A branch is dev, shop/dev or project/shop/dev, as short as tells it from all others")
    func names() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            // Short, as long as there is one database.
            #expect(try await host.check("branch", "create", "dev").hasPrefix("dev, a copy of main, is ready"))
            for name in ["dev", "shop/dev", "shop/shop/dev", try await host.branch("dev").id] {
                #expect(try await host.check("branch", "start", name).hasPrefix("dev started"), "\(name)")
            }
            for name in ["", "/dev", "dev/", "a//dev", "other/dev", "other/shop/dev"] {
                let refused = try await host.frost(["branch", "start", name])
                #expect([64, 66].contains(refused.exitCode), "'\(name)': \(refused.exitCode)")
            }
            #expect(try await host.frost(["branch", "start", "shop/dev", "--database", "other"]).exitCode == 64)

            // Another project's database of the same name.
            try await host.check("project", "create", "Labs/Zürich")
            let created = try await host.check("database", "create", "shop", "--project", "Labs/Zürich")
            #expect(created.hasPrefix("Labs/Zürich/shop/main is ready"), "\(created)")
            let several = try await host.frost(["branch", "stop", "main"])
            #expect(several.exitCode == 64)
            for name in ["shop/shop/main", "Labs/Zürich/shop/main"] {
                #expect(several.errors.contains(name), "\(several.errors)")
                #expect(try await host.check("branch", "start", name).hasPrefix("\(name) started"))
            }
            #expect(try await host.frost(["branch", "create", "qa", "--database", "shop"]).exitCode == 64)
            let qa = try await host.check("branch", "create", "Labs/Zürich/shop/qa", "--from", "main")
            #expect(qa.hasPrefix("Labs/Zürich/shop/qa, a copy of Labs/Zürich/shop/main,"), "\(qa)")
            let foreign = try await host.frost(["branch", "reset", "Labs/Zürich/shop/qa", "--from", "shop/shop/main"])
            #expect(foreign.exitCode == 64 && foreign.errors.contains("another database"), "\(foreign.errors)")
        }
    }

    @Test("frost psql: the string's branch, psql's own exit code, and no password on its command line")
    func psql() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.check("branch", "create", "dev")
            try await host.withUp { _ in
                try await host.answers()
                let through = try await host.frost(["psql", "--", "-XAtc", "SELECT branch FROM mark"])
                #expect(through.output == "main\n" && through.exitCode == 0, "\(through.errors)")
                let failed = try await host.frost(["psql", "dev", "--", "-Xc", "SELECT none"])
                #expect(failed.exitCode == 1 && failed.errors.contains("none"), "\(failed.errors)")
                let seen = try await host.frost([
                    "psql", "shop/dev", "--via", "direct", "--", "-XAtc", "\\! ps -o args= -p $PPID",
                ])
                #expect(seen.output.contains("dbname='shop'"), "\(seen.output)")
                let password = try await host.url("dev").split(separator: "@")[0].split(separator: ":")[2]
                #expect(!seen.output.contains(password), "\(seen.output)")
            }
            try await host.check("branch", "stop", "dev")
            let stopped = try await host.frost(["psql", "dev"])
            #expect(stopped.exitCode == 77 && stopped.errors.contains("frost branch start dev"), "\(stopped.errors)")
        }
    }

    @Test("frost status: all is well, and each thing that is not, with what to do")
    func status() async throws {
        struct Status: Decodable, Sendable {
            struct Check: Decodable, Sendable {
                var name: String
                var ok: Bool
                var message: String
                var fix: String?
            }
            var ok: Bool
            var checks: [Check]
        }
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.check("branch", "create", "dev")
            @Sendable func status(_ more: [String: String] = [:]) async throws -> (
                exitCode: Int32?, bad: [String: Status.Check]
            ) {
                let result = try await host.frost(["status", "--json"], environment: more)
                let status = try JSONDecoder().decode(Status.self, from: Data(result.output.utf8))
                #expect(status.ok == status.checks.allSatisfy(\.ok))
                #expect(status.checks.count == 11)
                let bad = status.checks.filter { !$0.ok }
                return (result.exitCode, Dictionary(uniqueKeysWithValues: bad.map { ($0.name, $0) }))
            }
            let admin = "127.0.0.1:\(try await PostgresServer.freePort())"
            let asked = ["FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": admin]
            let before = try await status(asked)
            #expect(before.exitCode == 1)
            #expect(Set(before.bad.keys) == ["frost up", "gateway", "certificates"], "\(before.bad)")
            #expect(before.bad["frost up"]?.fix == "frost up")
            try await Program.whileRunning(
                Checkout.program("frost"),
                host.upArguments,
                environment: host.environment.merging(asked) { $1 },
                port: host.port,
                log: host.directory.file("up.log")
            ) { _ in
                try await eventually("all is well") { try await status(asked).exitCode == 0 }
                let people = try await host.frost(["status"], environment: asked)
                #expect(people.output.split(separator: "\n").count == 11, "\(people.output)")
                #expect(people.output.split(separator: "\n").allSatisfy { $0.hasPrefix("✓ ") })
                // A branch that cannot start: the name, the reason and where to look.
                try await host.check("branch", "stop", "dev")
                let data = "\(host.place)/\(try await host.branch("dev").id)/data/postgresql.conf"
                try Data("no_such_setting = 1\n".utf8).write(to: URL(fileURLWithPath: data))
                #expect(try await host.frost(["branch", "start", "dev"]).exitCode == 1)
                let failed = try await status(asked)
                #expect(failed.exitCode == 1 && Array(failed.bad.keys) == ["branches"], "\(failed.bad)")
                #expect(failed.bad["branches"]?.fix == "frost branch logs dev")
                // A route map that somebody has changed is put right by frost up, or by what is advised.
                let port = try await status(asked.merging(["FROST_HOST_PORTS": "9999-9999"]) { $1 })
                #expect(port.bad["ports"]?.fix?.contains("--host-ports") == true)
            }
        }
    }

    @Test("frost stop --all and start --all: every branch, and told how many could not be changed")
    func all() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            for name in ["a", "b"] { try await host.check("branch", "create", name) }
            #expect(try await host.check("stop", "--all") == "main stopped\na stopped\nb stopped\n")
            #expect(try await host.branches().allSatisfy { $0.status == "stopped" })
            let data = "\(host.place)/\(try await host.branch("a").id)/data/postgresql.conf"
            try Data("no_such_setting = 1\n".utf8).write(to: URL(fileURLWithPath: data))
            let started = try await host.frost(["start", "--all"])
            #expect(started.exitCode == 1 && started.output == "main started\nb started\n", "\(started.output)")
            #expect(started.errors.contains("1 of 3 branches could not be started"), "\(started.errors)")
            #expect(try await host.check("stop", "b", "main") == "b stopped\nmain stopped\n")
            for arguments in [["stop"], ["stop", "--all", "main"]] {
                #expect(try await host.frost(arguments).exitCode == 64)
            }
        }
    }

    @Test("Logs and history, what a branch is, and every way to it in every format")
    func looks() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.check("branch", "create", "dev")
            #expect(try await host.check("branch", "logs", "dev").contains("ready to accept connections"))
            for name in ["history", "log"] {
                #expect(try await host.check("branch", name, "dev").contains("create  user  succeeded"), "\(name)")
            }
            try await host.withUp { _ in
                try await host.answers()
                let shown = try await host.check("branch", "show", "dev")
                for words in ["copied from  main", "hostname     dev.pg.shop.localhost", "MB", "PostgreSQL"] {
                    #expect(shown.contains(words), "\(words): \(shown)")
                }
            }
            for format in ["url", "psql", "env", "jdbc", "node", "python", "go"] {
                for way in ["external", "direct"] {
                    let text = try await host.check("branch", "url", "dev", "--format", format, "--via", way)
                    #expect(text.contains(way == "direct" ? "127.0.0.1" : "dev.pg.shop.localhost"), "\(format) \(way)")
                }
            }
            let inside = try await host.frost(["branch", "url", "dev", "--via", "internal"])
            #expect(inside.exitCode == 77 && inside.errors.contains("--via direct"), "\(inside.errors)")
            let direct = try await host.psql(url: host.url("dev") + "&application_name=x", "SELECT 1")
            #expect(direct.exitCode != 0, "no gateway runs")
            let url = try await host.check("branch", "url", "dev", "--via", "direct").trimmingCharacters(in: .newlines)
            #expect(try await host.psql(url: url, "SELECT branch FROM mark").output == "main\n")
        }
    }

    @Test("frost branch logs --follow goes on with what comes")
    func follow() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let log = host.directory.file("follow.log")
            try await Program.whileRunning(
                Checkout.program("frost"),
                ["branch", "logs", "main", "--follow"],
                environment: host.environment,
                port: nil,
                log: log
            ) { _ in
                let read = { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
                try await eventually("what there is") { read().contains("ready to accept connections") }
                for number in 0..<3 {
                    try await host.direct(
                        host.branch("main"),
                        "DO $$ BEGIN RAISE LOG 'line \(number) of a test'; END $$"
                    )
                    try await eventually("what comes") { read().contains("line \(number) of a test") }
                }
                #expect(read().ranges(of: "LOG:  line 0 of a test").count == 1, "nothing comes twice")
            }
        }
    }

    @Test("bash completes commands, and branches and databases by what there is")
    func completion() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            for name in ["feature-1", "feature-2", "qa"] { try await host.check("branch", "create", name) }
            func offered(_ line: String) async throws -> Set<String> {
                let script = """
                    PATH="$(dirname '\(Checkout.program("frost"))'):$PATH"
                    source <(frost --generate-completion-script bash)
                    COMP_LINE='\(line)' COMP_POINT=${#COMP_LINE}
                    read -ra COMP_WORDS <<<"$COMP_LINE"
                    [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
                    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                    _frost frost "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
                    printf '%s\\n' "${COMPREPLY[@]}"
                    """
                let output = try await Command.check("bash", ["-c", script], environment: host.environment)
                return Set(output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
            }
            #expect(try await offered("frost psql fea") == ["feature-1", "feature-2"])
            #expect(try await offered("frost branch rename q").isSuperset(of: ["qa"]))
            #expect(try await offered("frost branch stop shop/fea") == ["shop/feature-1", "shop/feature-2"])
            #expect(try await offered("frost branch create x --database ").contains("shop"))
            #expect(try await offered("frost bra").contains("branch"))
        }
    }

    @Test("A user who is not root has a data directory of their own")
    func ownDirectory() async throws {
        let directory = try TemporaryDirectory("home")
        defer { directory.remove() }
        let program = directory.file("frost")
        try FileManager.default.copyItem(atPath: Checkout.program("frost"), toPath: program)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.path)
        for (variables, place) in [
            (["HOME": "/nowhere/home"], "/nowhere/home/.local/share/frost/"),
            (["HOME": "/nowhere/home", "XDG_DATA_HOME": "/nowhere/data"], "/nowhere/data/frost/"),
            (["HOME": "/nowhere/home", "XDG_DATA_HOME": "relative"], "/nowhere/home/.local/share/frost/"),
        ] {
            let nobody =
                geteuid() == 0 ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] : ["env"]
            let result = try await Command.run(
                nobody[0],
                nobody.dropFirst() + [program, "branch", "list"],
                environment: variables.merging(["FROST_DATA_DIR": ""]) { $1 }
            )
            #expect(result.exitCode == 74 && result.errors.contains(place), "\(result.errors)")
        }
    }
}
