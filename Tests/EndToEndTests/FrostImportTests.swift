import Foundation
import TestSupport
import Testing

/// `frost database import`
@Suite struct FrostImportTests {
    @Test("A database of a running server is imported whole; of one that fails nothing is left")
    func imports() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let main = try await host.branch("main")
            try await host.direct(
                main,
                "CREATE ROLE stranger; CREATE TABLE many AS SELECT n, repeat('x', 100) AS text FROM generate_series(1, 20000) n; "
                    + "ALTER TABLE many OWNER TO stranger; CREATE PUBLICATION p FOR TABLE many"
            )
            let url = try await host.check("branch", "url", "main", "--via", "direct").trimmingCharacters(in: .newlines)
            let made = try await host.check("database", "import", "copy", "--from", url, "--project", "shop")
            #expect(made.hasPrefix("copy/main is ready"), "\(made)")
            let question =
                "SELECT count(*), min(tableowner), (SELECT count(*) FROM pg_publication), (SELECT branch FROM mark) "
                + "FROM many, pg_tables WHERE tablename = 'many'"
            let there = try await host.frost(["psql", "copy/main", "--via", "direct", "--", "-XAtc", question])
            #expect(there.output == "20000|frost|0|main\n", "\(there.output) \(there.errors)")

            let before = try await host.branches().map(\.id)
            // Data that breaks its own rule cannot be loaded again.
            try await host.direct(
                main,
                "CREATE TABLE checked (n int); INSERT INTO checked VALUES (11); "
                    + "ALTER TABLE checked ADD CONSTRAINT few CHECK (n < 10) NOT VALID; "
                    + "UPDATE pg_constraint SET convalidated = true WHERE conname = 'few'"
            )
            for (from, exitCode, words) in [
                (url, 1, "few"), (url.replacing(":\(main.hostPort)/", with: ":1/"), 1, "could not read"),
                (url.replacing("/shop", with: "/none"), 1, "none"), ("shop", 64, "URL"), ("mysql://a@b/c", 64, "URL"),
            ] as [(String, Int32, String)] {
                let failed = try await host.frost(["database", "import", "bad", "--from", from, "--project", "shop"])
                #expect(failed.exitCode == exitCode && failed.errors.contains(words), "\(from): \(failed.errors)")
            }
            #expect(try await host.branches().map(\.id) == before, "nothing is left")
        }
    }

    @Test("An import that is cancelled, or whose frost is killed, leaves nothing; meanwhile nobody is led there")
    func cancelled() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let main = try await host.branch("main")
            let url = try await host.check("branch", "url", "main", "--via", "direct").trimmingCharacters(in: .newlines)
            // pg_dump waits for it.
            let locked = try await PsqlSession.open(url, on: main, of: host)
            try locked.send("BEGIN; LOCK TABLE mark")
            let arguments = ["database", "import", "copy", "--from", url, "--project", "shop"]
            @Sendable func isLoading() async throws -> Bool {
                try await host.direct(main, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                    == "1"
            }
            async let imported = host.frost(arguments)
            try await eventually("it loads") { try await isLoading() }
            #expect(try await host.branches().first { $0.database == "copy" }?.status == "creating")
            let cancel = try await host.frost(["branch", "cancel", "copy/main"])
            #expect(cancel.exitCode == 0 && cancel.output.contains("nothing was left behind"), "\(cancel.errors)")
            let result = try await imported
            #expect(result.exitCode == 130 && result.errors.contains("cancelled"), "\(result.errors)")
            #expect(try await host.branches().map(\.id) == [main.id])

            try await Program.whileRunning(
                Checkout.program("frost"),
                arguments,
                environment: host.environment,
                port: nil,
                log: host.directory.file("import.log")
            ) { pid in
                try await eventually("it loads again") { try await isLoading() }
                try await Command.check("kill", ["-KILL", String(pid)])
                try await eventually("it ends") { !FileManager.default.fileExists(atPath: "/proc/\(pid)/exe") }
            }
            try await host.check("recover")
            #expect(try await host.branches().map(\.id) == [main.id])
            _ = try await locked.close()
        }
    }
}
