import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension LocalRuntime {
    package func start(_ server: ServerSpec) async throws(BranchError) -> ServerCondition {
        let clock = ContinuousClock()
        let end = clock.now + timeout
        if try await !isRunning(server) { try await launch(server) }
        while true {
            switch try await condition(server) {
            case .answering: return .answering
            case .recovering(let progress) where clock.now >= end: return .recovering(progress)
            case .recovering: break
            case .down: throw .runtime("PostgreSQL did not start: \(await logTail(server))")
            }
            try? await Task.sleep(for: .milliseconds(200))
        }
    }

    /// From the server itself: the result of a connection attempt, which needs no password.
    package func condition(_ server: ServerSpec) async throws(BranchError) -> ServerCondition {
        guard try await isRunning(server) else { return .down }
        let programs = try await self.programs(of: server)
        // A server that rejects connections (1) is starting up; one that does not answer (2) is not ready, or is busy.
        let code = try await account(of: server).check(
            "/bin/sh",
            [
                "-c", "\"$@\"; echo $?", "sh", "\(programs)/pg_isready", "-q", "-h", "127.0.0.1", "-p",
                String(server.hostPort),
            ]
        )
        if code == "0\n" { return .answering }
        return .recovering(Self.progress(await logText(server)) ?? "PostgreSQL is starting up")
    }

    /// The last message of a recovering server, such as `redo in progress, elapsed time: 20.00 s, current LSN:
    /// 0/B5A3D28` (log_startup_progress_interval, PostgreSQL 15 and newer). Ignores lines about connection attempts.
    static func progress(_ log: String) -> String? {
        guard let line = log.split(separator: "\n").last(where: { $0.contains(" LOG:  ") }),
            let message = line.firstRange(of: " LOG:  ").map({ line[$0.upperBound...] })
        else { return nil }
        return "PostgreSQL says: \(message)"
    }

    /// Starts a stopped server, and waits until it has started or failed, or for the timeout.
    private func launch(_ server: ServerSpec) async throws(BranchError) {
        let account = try account(of: server)
        try await account.endOrphans(in: data(server))
        let logged = try await inPlace(server) { place, _ throws(BranchError) in
            // A file of an ended server. PostgreSQL would mistake another process with the same number for it.
            try place.directory("data")?.removeFile("postmaster.pid")
            // A pipe would block it, and a link would redirect its output.
            if let kind = try place.kind(Self.logName), kind != .file { try place.removeTree(Self.logName) }
            return place.size(Self.logName)
        }
        guard let major = try await majorVersion(server) else {
            throw .runtime("\(data(server)) has no PG_VERSION; reset or delete the branch")
        }
        let installation = try installations.running(data: major)
        let settings =
            [
                ("listen_addresses", "127.0.0.1"),
                // The owner of a branch can set anything in its configuration files. Force its own data directory and
                // its own PID file: PostgreSQL rejects an empty name.
                ("data_directory", data(server)), ("external_pid_file", "\(place(server))/server.pid"),
                // Frost reads a server's messages at its start and end in this log.
                ("logging_collector", "off"), ("log_destination", "stderr"),
            ] + (try access.prepare(server, rules: try await rules(server, major: major), account: account))
        try await access.clear(server, account: account)
        let options = ["-p \(server.hostPort)"] + settings.map { "-c \(Self.quoted("\($0)=\($1)"))" }
        let printed = try await account.check(
            "/bin/sh",
            serverLog.arguments(
                log(server),
                [
                    "\(installation.programs)/pg_ctl", "-s", "-D", data(server), "-w", "-t",
                    String(max(1, timeout.components.seconds)), "-o", options.joined(separator: " "), "start",
                ]
            ),
            within: units?.command ?? []
        )
        let outcome = ServerLog.outcome(printed)
        guard outcome.code != 0, try await !isRunning(server) else { return }
        // Its last messages are complete once the writer has ended.
        for _ in 0..<Self.writerTries {
            guard let writer = outcome.writer, writer > 1, kill(writer, 0) == 0 || errno != ESRCH else { break }
            try? await Task.sleep(for: .milliseconds(50))
        }
        let said = await logTail(server, from: logged ?? 0)
        throw .runtime(
            "PostgreSQL did not start: \(said.isEmpty ? "pg_ctl: exit code \(outcome.code ?? -1)" : said)"
        )
    }

    /// Time limit for a log's writer to end after its server, in tries 50 ms apart: two seconds.
    private static let writerTries = 40

    /// Rules for TCP connections: the branch's own.
    private func rules(_ server: ServerSpec, major: Int) async throws(BranchError) -> String {
        let file = "\(data(server))/pg_hba.conf"
        if major >= 16 { return "include \"\(file)\"" }
        let text = try await beginning(of: "pg_hba.conf", atMost: 1_024 * 1_024, server)
        return ServerAccess.networkRules(text ?? "")
    }

    /// A small file in a server's data; nil if it does not exist, or does not belong to the server.
    private func beginning(
        of name: String,
        atMost count: UInt64,
        _ server: ServerSpec
    ) async throws(BranchError) -> String? {
        let bytes = try await inPlace(server) { place, account throws(BranchError) in
            try place.directory("data")?.end(of: name, atMost: count, owner: account.uid)
        }
        return (bytes ?? nil).map { String(decoding: $0, as: UTF8.self) }
    }

    /// For the shell by which pg_ctl starts a server.
    private static func quoted(_ text: String) -> String { "'\(text.replacing("'", with: "'\\''"))'" }

    // MARK: Versions

    package func versionForNewServer(_ asked: Int?) throws(BranchError) -> Int? {
        try installations.forNewDatabase(asked).major
    }

    package func versionsForNewServers() -> [Int] { installations.all().map(\.major) }

    package func majorVersion(_ server: ServerSpec) async throws(BranchError) -> Int? {
        guard let text = try await beginning(of: "PG_VERSION", atMost: 16, server) else { return nil }
        return Int(text.prefix(while: \.isNumber))
    }

    /// The directory of the programs for a server's version.
    func programs(of server: ServerSpec) async throws(BranchError) -> String {
        if let major = server.postgresVersion { return try installations.running(data: major).programs }
        if let major = try await majorVersion(server) { return try installations.running(data: major).programs }
        return try installations.forNewDatabase(nil).programs
    }

    // MARK: Frost's own way in

    package func passwordVerifier(_ server: ServerSpec) async throws(BranchError) -> String? {
        // A server started by an earlier frost accepts only the password to be checked.
        guard access.isThere(server) else { return nil }
        let role = server.username.replacing("'", with: "''")
        let found = try await psql(
            server,
            "SELECT coalesce(rolpassword, '') FROM pg_catalog.pg_authid WHERE rolname = '\(role)'"
        )
        return found.trimmingCharacters(in: .newlines)
    }

    /// The options and environment for PostgreSQL's programs to connect to a server.
    ///
    /// - Parameter account: of the program; one that the socket does not accept uses the password.
    func way(to server: ServerSpec, as account: ServerAccount) -> (options: [String], environment: [String: String]) {
        let isOwn = access.isThere(server) && access.owner(server) == account.uid
        return (
            [
                "-h", isOwn ? access.socketDirectory(server) : "127.0.0.1", "-p", String(server.hostPort), "-U",
                server.username,
            ],
            isOwn ? [:] : ["PGPASSWORD": server.password]
        )
    }

    // MARK: The log

    /// How much of a log is read, in bytes.
    private static let tail: UInt64 = 16 * 1_024

    /// The number of log lines that explain a failed start, including the last two of pg_ctl.
    private static let tailLines = 8

    /// The end of a server's log after a position.
    func logText(_ server: ServerSpec, from start: UInt64 = 0) async -> String {
        let bytes = try? await inPlace(server) { place, account throws(BranchError) in
            // A smaller file was started again by this start.
            let first = place.size(Self.logName) < start ? 0 : start
            return try place.end(of: Self.logName, from: first, atMost: Self.tail, owner: account.uid) ?? []
        }
        return String(decoding: (bytes ?? nil) ?? [], as: UTF8.self)
    }

    /// Its last lines, on one line.
    func logTail(_ server: ServerSpec, from start: UInt64 = 0) async -> String {
        await logText(server, from: start).split(separator: "\n").suffix(Self.tailLines).joined(separator: "; ")
    }
}
