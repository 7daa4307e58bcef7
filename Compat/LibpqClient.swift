import CLibpq
import Foundation

/// libpq of this machine, driven from Swift.
struct LibpqClient: BuiltInClient {
    let name = "libpq"
    let isDeciding = true
    let scenarios = Scenario.common

    func describe() async throws -> String {
        let version = PQlibVersion()
        return "libpq \(version / 10_000).\(version % 10_000) called from Swift"
    }

    func run(_ scenario: Scenario, job: Job) async throws -> Double? {
        // libpq blocks; the threads of Swift's concurrency are not for that.
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try LibpqScenarios(job: job).run(scenario) })
            }
        }
    }
}

private struct LibpqScenarios {
    let job: Job

    func run(_ scenario: Scenario) throws -> Double? {
        switch scenario {
        case .connect: return try roundTrip()
        case .wrongHostname: try refused(["host": job.wrongHost], text: job.wrongHost)
        case .noSNI: try refused(["sslsni": "0"], text: "no server name")
        case .plaintext: try refused(["sslmode": "disable"], text: "TLS is required")
        case .prepared: try prepared()
        case .largeResult: try largeResult()
        case .copy: try copy()
        case .listenNotify: try listenNotify()
        case .cancel: try cancel()
        case .scram:
            try refused(["password": "wrong"], text: "password authentication failed")
            return try roundTrip()
        case .connects200:
            for _ in 0..<Scenario.connectsInARow { _ = try roundTrip() }
        case .directTLS, .protocol32:
            throw ScenarioFailure("this libpq does not offer \(scenario.rawValue)")
        }
        return nil
    }

    private func connect(_ changes: [String: String] = [:]) throws -> LibpqConnection {
        let options = [
            "host": job.host, "hostaddr": job.address, "port": String(job.port), "user": job.user,
            "password": job.password, "dbname": job.database, "sslmode": "require", "connect_timeout": "20",
        ]
        return try LibpqConnection(options.merging(changes) { _, new in new })
    }

    private func roundTrip() throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        let connection = try connect()
        let elapsed = clock.now - start
        try ScenarioFailure.check(try connection.query("SELECT 40 + 2") == [["42"]], "wrong answer")
        return elapsed.milliseconds
    }

    /// libpq keeps no SQLSTATE for a connection that fails; its message is what users see.
    private func refused(_ changes: [String: String], text: String) throws {
        do {
            _ = try connect(changes)
        } catch let failure as ScenarioFailure {
            return try ScenarioFailure.check(
                failure.description.contains("FATAL:") && failure.description.contains(text),
                "the message has no '\(text)': \(failure)"
            )
        }
        throw ScenarioFailure("connected, but '\(text)' was expected")
    }

    private func prepared() throws {
        let connection = try connect()
        try connection.prepare("double", "SELECT $1::int * 2")
        for number in 0..<50 {
            let rows = try connection.execute("double", String(number))
            try ScenarioFailure.check(rows == [[String(number * 2)]], "\(rows) for \(number)")
        }
    }

    private func largeResult() throws {
        let text = "SELECT repeat('x', \(Scenario.largeRow)) FROM generate_series(1, \(Scenario.largeRows))"
        let sizes = try connect().query(text).map { $0[0].utf8.count }
        try ScenarioFailure.check(
            sizes.count == Scenario.largeRows && sizes.allSatisfy { $0 == Scenario.largeRow },
            "\(sizes.count) rows"
        )
    }

    private func copy() throws {
        let connection = try connect()
        let lines = (0..<Scenario.copyRows).map { "\($0)\trow \($0)\n" }
        try connection.query("CREATE TEMP TABLE copied (id int, text text)")
        try connection.copyIn("COPY copied FROM STDIN", lines: lines)
        let out = try connection.copyOut("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT")
        try ScenarioFailure.check(out == lines, "other rows came out")
    }

    private func listenNotify() throws {
        let (listener, notifier) = (try connect(), try connect())
        try listener.query("LISTEN gate")
        try notifier.query("NOTIFY gate, 'hello'")
        var heard = try listener.notification()
        while heard == nil {
            var waiting = pollfd(fd: listener.socket, events: Int16(POLLIN), revents: 0)
            try ScenarioFailure.check(poll(&waiting, 1, 10_000) == 1, "no notification within 10 s")
            heard = try listener.notification()
        }
        try ScenarioFailure.check(heard == "hello", heard ?? "")
    }

    private func cancel() throws {
        let (connection, observer) = (try connect(), try connect())
        let canceller = try connection.canceller()
        let processID = connection.processID
        // The connection is used by the sleeping thread alone until that has ended.
        nonisolated(unsafe) let sleeping = connection
        let ended = DispatchSemaphore(value: 0)
        let outcome = Outcome()
        DispatchQueue.global().async {
            outcome.set(Result { try sleeping.query("SELECT pg_sleep(60)") })
            ended.signal()
        }
        let text = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = \(processID)"
        while try observer.query(text) != [["1"]] {
            try ScenarioFailure.check(outcome.value == nil, "the query ended by itself: \(outcome.value as Any)")
        }
        try canceller.send()
        try ScenarioFailure.check(ended.wait(timeout: .now() + 30) == .success, "not cancelled within 30 s")
        guard case .failure(let error as LibpqConnection.SQLFailure) = outcome.value else {
            throw ScenarioFailure("the query was not cancelled")
        }
        try ScenarioFailure.check(error.sqlState == "57014", "\(error.sqlState) \(error)")
    }
}

/// What came of the statement that another thread runs.
private final class Outcome: Sendable {
    private let result = Lock<Result<[[String]], any Error>?>(nil)

    var value: Result<[[String]], any Error>? { result.value }

    func set(_ value: Result<[[String]], any Error>) { result.value = value }
}
