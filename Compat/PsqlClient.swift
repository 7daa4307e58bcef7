import Foundation
import Subprocess
import TestSupport

/// psql of this machine: a process for every connection, as people use it.
struct PsqlClient: BuiltInClient {
    let name = "psql"
    let isDeciding = true
    let scenarios = Scenario.common
    /// Where the files of COPY and of large results go.
    let directory: TemporaryDirectory

    func describe() async throws -> String {
        try await Command.check("psql", ["--version"]).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func run(_ scenario: Scenario, job: Job) async throws -> Double? {
        switch scenario {
        case .connect: return try await roundTrip(job)
        case .wrongHostname: try await refused(job, ["host": job.wrongHost], text: job.wrongHost)
        case .noSNI: try await refused(job, ["sslsni": "0"], text: "no server name")
        case .plaintext: try await refused(job, ["sslmode": "disable"], text: "TLS is required")
        case .prepared: try await prepared(job)
        case .largeResult: try await largeResult(job)
        case .copy: try await copy(job)
        case .listenNotify: try await listenNotify(job)
        case .cancel: try await cancel(job)
        case .scram:
            try await refused(job, ["password": "wrong"], text: "password authentication failed")
            return try await roundTrip(job)
        case .connects200:
            for _ in 0..<Scenario.connectsInARow { _ = try await roundTrip(job) }
        case .directTLS, .protocol32:
            throw ScenarioFailure("this psql does not offer \(scenario.rawValue)")
        }
        return nil
    }

    private func connectionString(_ job: Job, _ changes: [String: String] = [:]) -> String {
        [
            "host": job.host, "hostaddr": job.address, "port": String(job.port), "user": job.user,
            "password": job.password, "dbname": job.database, "sslmode": "require", "connect_timeout": "20",
        ]
        .merging(changes) { _, new in new }
        .map { "\($0)='\($1)'" }
        .joined(separator: " ")
    }

    private func arguments(_ job: Job, _ commands: [String]) -> [String] {
        ["-XqAt", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"] + commands.flatMap { ["-c", $0] }
            + [connectionString(job)]
    }

    private func psql(_ job: Job, _ commands: [String]) async throws -> String {
        let result = try await Command.run("psql", arguments(job, commands))
        try ScenarioFailure.check(result.isSuccess, result.errors)
        return result.output
    }

    /// The time is that of the whole process: what a person waits for.
    private func roundTrip(_ job: Job) async throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        let output = try await psql(job, ["SELECT 40 + 2"])
        let elapsed = clock.now - start
        try ScenarioFailure.check(output == "42\n", "wrong answer \(output)")
        return elapsed.milliseconds
    }

    private func refused(_ job: Job, _ changes: [String: String], text: String) async throws {
        let result = try await Command.run("psql", ["-XqAt", "-c", "SELECT 1", connectionString(job, changes)])
        try ScenarioFailure.check(result.exitCode == 2, "exit code \(result.status)")
        try ScenarioFailure.check(
            result.errors.contains("FATAL:") && result.errors.contains(text),
            "the message has no '\(text)': \(result.errors)"
        )
    }

    private func prepared(_ job: Job) async throws {
        let commands = ["PREPARE double (int) AS SELECT $1 * 2"] + (0..<50).map { "EXECUTE double(\($0))" }
        let output = try await psql(job, commands)
        try ScenarioFailure.check(output == (0..<50).map { "\($0 * 2)\n" }.joined(), "other answers")
    }

    private func largeResult(_ job: Job) async throws {
        let file = directory.file("large-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(atPath: file) }
        let text = "SELECT repeat('x', \(Scenario.largeRow)) FROM generate_series(1, \(Scenario.largeRows))"
        let result = try await Command.run("psql", ["-o", file] + arguments(job, [text]))
        try ScenarioFailure.check(result.isSuccess, result.errors)
        let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
        try ScenarioFailure.check(size == (Scenario.largeRow + 1) * Scenario.largeRows, "\(size ?? 0) bytes")
    }

    private func copy(_ job: Job) async throws {
        let (source, sink) = ("copy-\(UUID().uuidString)", "copied-\(UUID().uuidString)")
        defer {
            for name in [source, sink] { try? FileManager.default.removeItem(atPath: directory.file(name)) }
        }
        let text = (0..<Scenario.copyRows).map { "\($0)\trow \($0)\n" }.joined()
        try directory.write(text, to: source)
        _ = try await psql(
            job,
            [
                "CREATE TEMP TABLE copied (id int, text text)",
                "\\copy copied FROM '\(directory.file(source))'",
                "\\copy (SELECT * FROM copied ORDER BY id) TO '\(directory.file(sink))'",
            ]
        )
        let copied = try String(contentsOfFile: directory.file(sink), encoding: .utf8)
        try ScenarioFailure.check(copied == text, "other rows came out")
    }

    /// psql shows notifications after each command; the one that sends it is a psql of its own.
    private func listenNotify(_ job: Job) async throws {
        let script = "notify-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory.file(script)) }
        let notifier = #"psql -XqAt -c "NOTIFY gate, 'hello'" "$GATE_CONNECTION""#
        try directory.write("LISTEN gate;\n\\! \(notifier)\nSELECT 1;\n", to: script)
        let result = try await Command.run(
            "psql",
            ["-XqAt", "-v", "ON_ERROR_STOP=1", "-f", directory.file(script), connectionString(job)],
            environment: ["GATE_CONNECTION": connectionString(job)]
        )
        try ScenarioFailure.check(
            result.isSuccess && result.output.contains(#"notification "gate" with payload "hello""#),
            "no notification: \(result.output)\(result.errors)"
        )
    }

    /// Ctrl-C, as a person would.
    private func cancel(_ job: Job) async throws {
        let mark = "gate-\(UUID().uuidString)"
        let result = try await Subprocess.run(
            .name("psql"),
            arguments: Arguments(
                arguments(job, ["SET application_name = '\(mark)'", "SELECT pg_sleep(60)"])
            ),
            input: .none,
            output: .discarded,
            error: .string(limit: 65_536)
        ) { execution in
            let query = """
                SELECT count(*) FROM pg_stat_activity
                WHERE wait_event = 'PgSleep' AND application_name = '\(mark)'
                """
            let deadline = ContinuousClock.now + .seconds(30)
            while try await psql(job, [query]) != "1\n" {
                try ScenarioFailure.check(ContinuousClock.now < deadline, "the query did not start within 30 s")
            }
            try execution.send(signal: .interrupt)
        }
        let errors = result.standardError
        try ScenarioFailure.check(errors.contains("57014"), "not cancelled: \(result.terminationStatus) \(errors)")
    }
}
