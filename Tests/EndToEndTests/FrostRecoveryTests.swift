import Foundation
import TestSupport
import Testing

/// Servers that recover for a long time, through the commands.
@Suite struct FrostRecoveryTests {
    /// A command that runs in the foreground of a terminal: a signal to `pid` is what Ctrl-C sends.
    private struct Waiting {
        let pid: String
        let result: Task<Command.Result, any Error>
        let host: FrostHost
        let name: String

        /// - Parameter name: of the file for what it says on standard error.
        static func begin(
            _ arguments: [String],
            _ name: String,
            on host: FrostHost,
            environment: [String: String] = [:]
        ) async throws -> Waiting {
            let (pidFile, log) = (host.directory.file("\(name).pid"), host.directory.file("\(name).log"))
            let result = Task {
                try await Command.run(
                    "sh",
                    ["-c", "echo $$ > \(pidFile).new; mv \(pidFile).new \(pidFile); exec \"$@\" 2> \(log)", "sh"]
                        + [Checkout.program("frost")] + arguments,
                    environment: host.environment.merging(environment) { $1 }
                )
            }
            try await eventually("it runs") { FileManager.default.fileExists(atPath: pidFile) }
            let pid = try String(contentsOfFile: pidFile, encoding: .utf8).trimmingCharacters(in: .newlines)
            return Waiting(pid: pid, result: result, host: host, name: name)
        }

        var said: String { host.log("\(name).log") }

        func waits(for text: String) async throws {
            try await eventually("it says '\(text)'", within: .seconds(180)) {
                // It takes as long as a start waits for a server, in the middle of other tests.
                try await Task.sleep(for: .milliseconds(200))
                return said.contains(text)
            }
        }
    }

    /// Longer than frost ever waited for a start.
    private static let formerLimit = Duration.seconds(120)

    @Test(
        "A recovery that takes longer than any limit of a start is waited for, can be left alone with Ctrl-C, and ends well",
        .timeLimit(.minutes(10))
    )
    func longRecovery() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let main = try await host.branch("main")
            let release = host.directory.file("release")
            // PostgreSQL asks for a file of an archive, which takes its time.
            try await host.direct(
                main,
                "ALTER SYSTEM SET restore_command = 'while ! [ -e \(release) ]; do sleep 1; done; false'"
            )
            let killed = try host.postmaster(main)
            try await Command.check("kill", ["-KILL", killed])
            try await eventually("it is gone") { !FrostHost.isRunning(killed) }
            let data = "\(host.place)/\(main.id)/data"
            try await Command.check(
                "sh",
                ["-c", "touch \"$1\" && chown --reference=\"$2\" \"$1\"", "sh", "\(data)/recovery.signal", data]
            )
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await recover(main, on: host)) } catch { outcome = .failure(error) }
            // Whatever has come of it: the server waits for it.
            try Data().write(to: URL(fileURLWithPath: release))
            try outcome.get()
            try await host.check("branch", "start", "main", "--database", "shop")
            #expect(try await host.direct(host.branch("main"), "SELECT branch FROM mark") == "main")
        }
    }

    private func recover(_ main: FrostHost.Branch, on host: FrostHost) async throws {
        let command = ["branch", "start", "main", "--database", "shop"]
        let first = try await Waiting.begin(command, "first", on: host)
        try await first.waits(for: "PostgreSQL says: ")
        let recovering = try await host.branch("main")
        #expect(recovering.status == "recovering" && recovering.reason?.hasPrefix("PostgreSQL says: ") == true)
        let began = ContinuousClock.now
        let postmaster = try host.postmaster(main)

        try await Command.check("kill", ["-INT", first.pid])
        let ended = try await first.result.value
        #expect(ended.exitCode == 75, "\(first.said)")
        #expect(first.said.contains("is still recovering"), "\(first.said)")
        #expect(try await host.branch("main").status == "recovering")

        let second = try await Waiting.begin(command, "second", on: host)
        // The time itself is what is tried here; nothing else happens in it.
        try await Task.sleep(until: began + Self.formerLimit, clock: .continuous)
        #expect(FrostHost.isRunning(second.pid), "\(second.said)")
        #expect(try await host.branch("main").status == "recovering")
        #expect(try host.postmaster(main) == postmaster && FrostHost.isRunning(postmaster))
        try Data().write(to: URL(fileURLWithPath: host.directory.file("release")))
        let result = try await second.result.value
        #expect(result.exitCode == 0, "\(second.said)")
        #expect(result.output == "main started\n")
        #expect(try host.postmaster(main) == postmaster, "it was never taken down")
    }

    @Test(
        "A database whose new server takes its time is waited for: told so, left with Ctrl-C, found again",
        .timeLimit(.minutes(10))
    )
    func newDatabase() async throws {
        try await FrostHost.run { host in
            let programs = try await Self.slowPrograms(in: host.directory)
            let release = host.directory.file("marks/release")
            try await host.check("project", "create", "shop")
            let outcome: Result<Void, any Error>
            do {
                let create = try await Waiting.begin(
                    ["database", "create", "shop", "--project", "shop"],
                    "create",
                    on: host,
                    environment: ["FROST_POSTGRES_BIN": programs]
                )
                try await create.waits(for: "main is recovering")
                try await Command.check("kill", ["-INT", create.pid])
                #expect(try await create.result.value.exitCode == 75, "\(create.said)")
                #expect(create.said.contains("creating shop/main ..."), "\(create.said)")
                #expect(try await host.branches().map(\.status) == ["recovering"])
                outcome = .success(())
            } catch { outcome = .failure(error) }
            try Data().write(to: URL(fileURLWithPath: release))
            try outcome.get()
            try await host.check("branch", "start", "main", "--database", "shop")
            #expect(try await host.branch("main").status == "active")
        }
    }

    /// PostgreSQL's programs, with one that says of the first server that answers, from then on, that it starts up still.
    private static func slowPrograms(in directory: TemporaryDirectory) async throws -> String {
        let bin = try directory.directory("bin")
        let marks = try directory.directory("marks")
        try await Command.check("chmod", ["0777", marks.path])
        let newest = try await Command.check(
            "sh",
            ["-c", "ls -d /usr/lib/postgresql/*/bin/initdb | sort -V | tail -1"]
        )
        let real = newest.trimmingCharacters(in: .newlines).replacing("/initdb", with: "")
        for program in try FileManager.default.contentsOfDirectory(atPath: real) where program != "pg_isready" {
            try FileManager.default.createSymbolicLink(
                atPath: bin.file(program),
                withDestinationPath: "\(real)/\(program)"
            )
        }
        try bin.write(
            """
            #!/bin/sh
            if [ -e \(marks.path)/answered ] && ! [ -e \(marks.path)/release ]; then exit 1; fi
            \(real)/pg_isready "$@" && : > \(marks.path)/answered

            """,
            to: "pg_isready"
        )
        try await Command.check("chmod", ["0755", bin.file("pg_isready"), bin.path])
        return bin.path
    }
}
