import Foundation
import TestSupport
import Testing

/// The store and what is beside it, as people put it back, fill it up and point it at the wrong place.
@Suite struct FrostStoreTests {
    @Test("In the directory of an installed Frost, no command makes or changes anything")
    func installedFrost() async throws {
        try await FrostHost.run { host in
            let data = host.directory.file("data")
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            try await Command.check(
                "python3",
                [
                    "-c",
                    "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('PRAGMA journal_mode = WAL'); [db.execute(f'CREATE TABLE {t} (id)') for t in ('_migrations', 'databases', 'database_targets', 'settings')]",
                    "\(data)/frost.db",
                ]
            )
            let sum = try await Command.check("sha256sum", ["\(data)/frost.db"])
            let commands = [
                ["branch", "list"], ["project", "create", "x"], ["recover"], ["settings"], ["token", "rotate"],
                ["settings", "--route-file", host.directory.file("other.json")],
                ["up", "--no-gateway", "--api-address", "none"],
                [
                    "up", "--cert-file", host.certificate.certFile, "--key-file", host.certificate.keyFile, "--port",
                    String(host.port),
                ],
            ]
            for command in commands {
                let refused = try await host.frost(command)
                #expect(refused.exitCode == 74, "\(command): \(refused.output) \(refused.errors)")
                #expect(refused.errors.contains("use frost sync"), "\(command): \(refused.errors)")
                #expect(try FileManager.default.contentsOfDirectory(atPath: data) == ["frost.db"], "\(command)")
            }
            #expect(try await Command.check("sha256sum", ["\(data)/frost.db"]) == sum)
        }
    }

    @Test(
        "A store put back in wrong ways: refused, with the route map as it was; put back in the right way, all is there"
    )
    func putBack() async throws {
        try await FrostHost.run { host in
            let data = host.directory.file("data")
            // An empty one, of before all branches.
            try await host.check("project", "create", "first")
            let early = try Data(contentsOf: URL(fileURLWithPath: "\(data)/frost.db"))
            try await host.check("project", "delete", "first")
            try await host.makeShop()
            // The one file is the whole store: nothing runs but the server.
            let beside = try FileManager.default.contentsOfDirectory(atPath: data).filter { $0.hasPrefix("frost.db") }
            #expect(beside == ["frost.db"])
            let good = try Data(contentsOf: URL(fileURLWithPath: "\(data)/frost.db"))
            let routes = try Data(contentsOf: URL(fileURLWithPath: "\(data)/routes.json"))
            #expect(String(decoding: routes, as: UTF8.self).contains("main.pg.shop.localhost"))
            let file = URL(fileURLWithPath: "\(data)/frost.db")
            // None, one cut to nothing, its first page alone, and one that knows no branch.
            for wrong in [nil, Data(), good.prefix(4_096), early] {
                try FileManager.default.removeItem(at: file)
                try wrong?.write(to: file)
                for command in [["recover"], ["project", "create", "other"], ["branch", "list"]] {
                    let refused = try await host.frost(command)
                    #expect(
                        refused.exitCode == 74,
                        "\(wrong?.count ?? -1) \(command): \(refused.output) \(refused.errors)"
                    )
                }
                #expect(try Data(contentsOf: URL(fileURLWithPath: "\(data)/routes.json")) == routes)
                if wrong == nil { try Data().write(to: file) }
            }
            // One that knows one of two: the other is named, and left alone.
            try good.write(to: file)
            try await host.check("branch", "create", "dev", "--database", "shop")
            let dev = try await host.branch("dev")
            try good.write(to: file)
            let recovered = try await host.frost(["recover"])
            #expect(recovered.exitCode == 0, "\(recovered.errors)")
            #expect(
                recovered.errors.contains(dev.id) && recovered.errors.contains("a server runs"),
                "\(recovered.errors)"
            )
            let postmaster = try host.postmaster(dev)
            #expect(FileManager.default.fileExists(atPath: "/proc/\(postmaster)"))
            #expect(try await host.direct(host.branch("main"), "SELECT branch FROM mark") == "main")
            try await Command.check("kill", ["-INT", postmaster])
            try await eventually("it ends") { !FileManager.default.fileExists(atPath: "/proc/\(postmaster)") }
            try FileManager.default.removeItem(atPath: "\(host.place)/\(dev.id)")
        }
    }

    @Test("On a full disk, branches are stopped and deleted; what would need room is told that the disk is full")
    func fullDisk() async throws {
        try await FrostHost.run { host in
            // A file system of its own, in a mount namespace of its own, in which its servers live too.
            let script = """
                set -u
                mkdir -p "$FROST_DATA_DIR" && mount -t tmpfs -o size=300m,mode=0711 tmpfs "$FROST_DATA_DIR" || exit 99
                fill() { cat /dev/zero > "$FROST_DATA_DIR/fill$1" 2> /dev/null; }
                $FROST project create shop
                $FROST database create shop --project shop
                $FROST branch create dev --database shop
                $FROST branch create qa --database shop
                fill 1
                echo "== other"; $FROST project create other; echo "== $?"
                fill 2
                echo "== stop"; $FROST branch stop dev --database shop; echo "== $?"
                fill 3
                echo "== create"; $FROST branch create more --database shop; echo "== $?"
                echo "== delete"; $FROST branch delete qa --database shop; echo "== $?"
                rm "$FROST_DATA_DIR"/fill*
                echo "== again"; $FROST project create other; echo "== $?"
                ls "$FROST_DATA_DIR"
                $FROST branch list
                $FROST database delete shop; echo "== $?"
                """
            let result = try await Command.run(
                "unshare",
                ["--mount", "sh", "-c", script],
                environment: host.environment.merging(["FROST": Checkout.program("frost")]) { $1 }
            )
            let text = result.output + result.errors
            #expect(result.isSuccess, "needs root for a file system of its own: \(text)")
            let codes = result.output.matches(of: /== (\w+)\n(?:(?!==).*\n)*== (\d+)/).map { "\($0.1) \($0.2)" }
            #expect(codes == ["other 74", "stop 0", "create 74", "delete 0", "again 0"], "\(text)")
            #expect(result.errors.contains("the disk is full"), "\(text)")
            #expect(result.output.contains("frost.reserve"), "\(text)")
            #expect(result.output.hasSuffix("== 0\n"), "\(text)")
        }
    }

    @Test(
        "Without a Docker engine: nothing is registered; what there is can be forgotten, and is no topic of other commands"
    )
    func noEngine() async throws {
        try await FrostHost.run { host in
            let gone = ["FROST_DOCKER_SOCKET": host.directory.file("none.sock")]
            try await host.check("project", "create", "shop")
            let refused = try await host.frost(
                ["database", "create", "boxed", "--project", "shop", "--runtime", "docker"],
                environment: gone
            )
            #expect(refused.exitCode == 1)
            #expect(
                refused.errors.contains(
                    "no Docker engine at \(host.directory.file("none.sock")); start it, or use --runtime local"
                ),
                "\(refused.errors)"
            )
            #expect(!refused.errors.contains("errno") && !refused.errors.contains("descriptor"))
            #expect(try await host.list("database", as: [FrostHost.NamedThing].self).isEmpty)
            #expect(try await host.branches().isEmpty)
            // One that a crash left before anything was made is undone without an engine.
            try await Command.check(
                "python3",
                [
                    "-c", Self.unfinished, host.directory.file("data/frost.db"),
                ]
            )
            let recovered = try await host.frost(["recover"], environment: gone)
            #expect(recovered.exitCode == 0, "\(recovered.errors)")
            #expect(try await host.branches().isEmpty)
            // One whose containers were made, on an engine that is gone.
            try await Command.check("python3", ["-c", Self.unfinished, host.directory.file("data/frost.db")])
            try FileManager.default.createDirectory(
                atPath: host.directory.file("data/containers/dbt_00000000000000000001/data"),
                withIntermediateDirectories: true
            )
            let first = try await host.frost(["project", "create", "second"], environment: gone)
            #expect(first.exitCode == 0 && first.errors.contains("no Docker engine"), "\(first.errors)")
            for number in 0..<3 {
                let other = try await host.frost(["project", "create", "other\(number)"], environment: gone)
                #expect(other.exitCode == 0 && other.errors == "", "\(other.errors)")
            }
            #expect(try await host.database("SELECT count(*) FROM operation WHERE status = 'running'") == "[(1,)]\n")
            let forgotten = try await host.frost(["database", "delete", "boxed", "--force"], environment: gone)
            #expect(forgotten.exitCode == 0, "\(forgotten.errors)")
            #expect(forgotten.errors.contains("frost-db-dbt_00000000000000000001"), "\(forgotten.errors)")
            #expect(forgotten.errors.contains("data/containers/dbt_00000000000000000001"), "\(forgotten.errors)")
            #expect(try await host.list("database", as: [FrostHost.NamedThing].self).isEmpty)
            let after = try await host.frost(["recover"], environment: gone)
            #expect(after.exitCode == 0 && after.errors == "", "\(after.errors)")
        }
    }

    /// A database of containers whose making was cut off at its first step.
    private static let unfinished = """
        import sqlite3, sys
        db = sqlite3.connect(sys.argv[1])
        project = db.execute("SELECT id FROM project WHERE name = 'shop'").fetchone()[0]
        now = "2026-11-25 12:00:00.000"
        db.execute("DELETE FROM operation")
        db.execute("INSERT INTO database (id, projectId, name, username, password, databaseName, createdAt) "
            "VALUES ('db_1', ?, 'boxed', 'frost', 'x', 'boxed', ?)", (project, now))
        db.execute("INSERT INTO target (id, databaseId, name, runtime, hostPort, lifecycleStatus, createdAt) "
            "VALUES ('dbt_00000000000000000001', 'db_1', 'main', 'docker', 1, 'creating', ?)", (now,))
        db.execute("INSERT INTO operation (id, targetId, action, status, step, startedAt) "
            "VALUES ('op_1', 'dbt_00000000000000000001', 'create', 'running', 'copying', datetime('now'))")
        db.commit()
        """

    @Test("A first frost up that cannot serve makes no store and starts no server")
    func firstStart() async throws {
        try await FrostHost.run { host in
            let squatter = try RawListener()
            let taken = String(squatter.port)
            let pair = ["--cert-file", host.certificate.certFile, "--key-file", host.certificate.keyFile]
            let free = ["--port", String(host.port), "--api-address", "127.0.0.1:0"]
            let cases: [([String], Int32, String)] = [
                (["--cert-file", "/nonexistent", "--key-file", "/nonexistent"] + free, 78, "/nonexistent"),
                (
                    ["--cert-file", host.certificate.certFile, "--key-file", host.certificate.certFile] + free, 78,
                    "key"
                ),
                (pair + free + ["--listen-address", "elsewhere"], 78, "elsewhere"),
                (pair + ["--port", taken, "--api-address", "127.0.0.1:0"], 98, taken),
                (pair + ["--port", taken, "--api-address", "127.0.0.1:0", "--listen-address", "127.0.0.1"], 98, taken),
                (pair + ["--port", String(host.port), "--api-address", "127.0.0.1:\(taken)"], 98, taken),
                (["--no-gateway", "--api-address", "127.0.0.1:\(taken)"], 98, taken),
            ]
            for (arguments, code, text) in cases {
                let up = try await host.frost(["up"] + arguments)
                #expect(up.exitCode == code, "\(arguments): \(up.output) \(up.errors)")
                #expect(up.errors.contains(text), "\(arguments): \(up.errors)")
                #expect(!FileManager.default.fileExists(atPath: host.directory.file("data")), "\(arguments)")
            }
            withExtendedLifetime(squatter) {}
        }
    }
}
