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

    /// Asked of the server itself: the state of a connection attempt, which needs no password.
    package func condition(_ server: ServerSpec) async throws(BranchError) -> ServerCondition {
        guard try await isRunning(server) else { return .down }
        let programs = try await self.programs(of: server)
        // One that refuses connections (1) is starting up; one that says nothing (2) is not that far, or has no time.
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

    /// What a server that recovers has said last, as `redo in progress, elapsed time: 20.00 s, current LSN: 0/B5A3D28`
    /// (log_startup_progress_interval, PostgreSQL 15 and newer). Lines of those who try to connect are not of it.
    static func progress(_ log: String) -> String? {
        guard let line = log.split(separator: "\n").last(where: { $0.contains(" LOG:  ") }),
            let message = line.firstRange(of: " LOG:  ").map({ line[$0.upperBound...] })
        else { return nil }
        return "PostgreSQL says: \(message)"
    }

    /// Starts a server that does not run, and waits until it has started, has failed, or the timeout is over.
    private func launch(_ server: ServerSpec) async throws(BranchError) {
        let account = try account(of: server)
        try await account.endOrphans(in: data(server))
        let logged = try await inPlace(server) { place, _ throws(BranchError) in
            // Of a server that is gone. PostgreSQL would take a process that has its number now for it.
            try place.directory("data")?.removeFile("postmaster.pid")
            // A pipe would keep it waiting, a link have it write elsewhere.
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
                // Whoever owns a branch can have put anything into its files of settings. It runs on its own data, and
                // leaves its number in its own place: PostgreSQL complains of an empty name.
                ("data_directory", data(server)), ("external_pid_file", "\(place(server))/server.pid"),
                // What a server says at its start and end is looked for where it is started.
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
        // What it has said last is written once the writer has read it all, and is gone.
        for _ in 0..<Self.writerTries {
            guard let writer = outcome.writer, writer > 1, kill(writer, 0) == 0 || errno != ESRCH else { break }
            try? await Task.sleep(for: .milliseconds(50))
        }
        let said = await logTail(server, from: logged ?? 0)
        throw .runtime(
            "PostgreSQL did not start: \(said.isEmpty ? "pg_ctl: exit code \(outcome.code ?? -1)" : said)"
        )
    }

    /// How long a log's writer may take to end after its server, in tries 50 ms apart: two seconds.
    private static let writerTries = 40

    /// Rules for those who come over TCP: the branch's own.
    private func rules(_ server: ServerSpec, major: Int) async throws(BranchError) -> String {
        let file = "\(data(server))/pg_hba.conf"
        if major >= 16 { return "include \"\(file)\"" }
        let text = try await beginning(of: "pg_hba.conf", atMost: 1_024 * 1_024, server)
        return ServerAccess.networkRules(text ?? "")
    }

    /// A small file of a server's data; nil when it is not there, or not the server's own.
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

    /// For the shell that pg_ctl starts a server with.
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

    /// The directory of the programs that fit a server.
    func programs(of server: ServerSpec) async throws(BranchError) -> String {
        if let major = server.postgresVersion { return try installations.running(data: major).programs }
        if let major = try await majorVersion(server) { return try installations.running(data: major).programs }
        return try installations.forNewDatabase(nil).programs
    }

    // MARK: Frost's own way in

    package func passwordVerifier(_ server: ServerSpec) async throws(BranchError) -> String? {
        // A server that an earlier frost has started can only be reached with the password in question.
        guard access.isThere(server) else { return nil }
        let role = server.username.replacing("'", with: "''")
        let found = try await psql(
            server,
            "SELECT coalesce(rolpassword, '') FROM pg_catalog.pg_authid WHERE rolname = '\(role)'"
        )
        return found.trimmingCharacters(in: .newlines)
    }

    /// How a program of PostgreSQL's reaches a server: its options, and its environment.
    ///
    /// - Parameter account: that it runs as; one that the socket does not let in comes with the password.
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

    /// How much of a log is looked at, in bytes.
    private static let tail: UInt64 = 16 * 1_024

    /// Lines of a log that say why a start has failed, the two of pg_ctl at the end included.
    private static let tailLines = 8

    /// The end of a server's log behind a place in it.
    func logText(_ server: ServerSpec, from start: UInt64 = 0) async -> String {
        let bytes = try? await inPlace(server) { place, account throws(BranchError) in
            // One that has become smaller was begun anew by this start.
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
