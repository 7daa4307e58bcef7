import Foundation
import Subprocess
import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Branches as PostgreSQL servers of this host, listening on 127.0.0.1 only and never run as root.
///
/// `<directory>/<target id>/data` is a server's data, `…/copy` one that is being made, `…/server.log` its log.
package struct LocalRuntime: BranchRuntime {
    let directory: String
    private let installation: PostgresInstallation
    let account: ServerAccount

    /// How long a server may take to start or stop, in seconds. A start after a crash replays the log.
    private static let patience = 120

    /// - Parameters:
    ///   - directory: of all branches; made when it is not there.
    ///   - user: that servers run as when this process is root.
    package init(directory: String, installation: PostgresInstallation, user: String = "postgres") throws(BranchError) {
        self.directory = directory
        self.installation = installation
        account = try ServerAccount(user: user)
        do {
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o711]
            )
        } catch {
            throw .runtime("\(directory) cannot be made: \(error.localizedDescription)")
        }
    }

    func place(_ server: ServerSpec) -> String { "\(directory)/\(server.targetID)" }
    func data(_ server: ServerSpec) -> String { "\(place(server))/data" }
    private func copy(_ server: ServerSpec) -> String { "\(place(server))/copy" }
    private func log(_ server: ServerSpec) -> String { "\(place(server))/server.log" }

    // MARK: Making

    package func initialize(_ server: ServerSpec) async throws(BranchError) {
        try makePlace(server)
        try await account.endTools(of: server.targetID)
        try await stop(server)
        try await account.remove(data(server))
        let passwordFile = "\(place(server))/password"
        try account.write(server.password + "\n", to: passwordFile)
        defer { unlink(passwordFile) }
        try await run(
            "initdb",
            [
                "-D", data(server), "-U", server.username, "--pwfile", passwordFile, "-A", "scram-sha-256", "-E",
                "UTF8",
                "--no-locale",
            ],
            toolOf: server.targetID
        )
        try await start(server)
        // The database may be there: this is done again after a crash.
        let exists = try await psql(
            server,
            "SELECT 1 FROM pg_database WHERE datname = '\(Self.literal(server.databaseName))'"
        )
        if exists.isEmpty {
            try await psql(server, "CREATE DATABASE \"\(server.databaseName.replacing("\"", with: "\"\""))\"")
        }
        try await stop(server)
    }

    package func copy(from source: ServerSpec, to server: ServerSpec) async throws(BranchError) {
        try makePlace(server)
        try await discardCopy(server)
        let tablespaces = (try? FileManager.default.contentsOfDirectory(atPath: "\(data(source))/pg_tblspc")) ?? []
        guard tablespaces.isEmpty else {
            throw .runtime(
                "the branch '\(source.targetName)' has tablespaces, which a copy would share with it; move its tables out of them"
            )
        }
        if try await isRunning(source) {
            try await baseBackup(of: source, to: server)
        } else {
            // Shut down: its files are consistent. A clone where the file system has them.
            try await account.endOrphans(in: data(source))
            try await account.check(
                "/bin/cp",
                ["-a", "--reflink=auto", "--", data(source), copy(server)],
                toolOf: server.targetID
            )
            for name in ["postmaster.pid", "postmaster.opts"] { unlink("\(copy(server))/\(name)") }
            // As pg_basebackup does: the branch's old data goes when the copy is in its place.
            try await run("initdb", ["--sync-only", "-D", copy(server)], toolOf: server.targetID)
        }
    }

    private func baseBackup(of source: ServerSpec, to server: ServerSpec) async throws(BranchError) {
        try await checkSenders(of: source)
        try await run(
            "pg_basebackup",
            [
                "-D", copy(server), "-h", "127.0.0.1", "-p", String(source.hostPort), "-U", source.username,
                "--checkpoint=fast", "--wal-method=stream", "--no-password",
            ],
            environment: ["PGPASSWORD": source.password],
            toolOf: server.targetID
        )
    }

    package func adoptCopy(_ server: ServerSpec) async throws(BranchError) {
        let old = "\(place(server))/old"
        if exists(copy(server)) {
            // Repeated after a crash, each step finds what the one before has left.
            if exists(data(server)) {
                try await account.remove(old)
                guard rename(data(server), old) == 0 else { throw failure("put \(data(server)) aside") }
            }
            guard rename(copy(server), data(server)) == 0 else {
                let failure = failure("put the copy in place of \(data(server))")
                rename(old, data(server))
                throw failure
            }
            try DirectorySync.sync(place(server))
        }
        try await account.remove(old)
    }

    package func discardCopy(_ server: ServerSpec) async throws(BranchError) {
        try await account.endTools(of: server.targetID)
        try await account.remove(copy(server))
    }

    // MARK: Running

    package func start(_ server: ServerSpec) async throws(BranchError) {
        if try await !isRunning(server) {
            try await account.endOrphans(in: data(server))
            // Of a server that is gone. PostgreSQL would take a process that has its number now for it.
            unlink("\(data(server))/postmaster.pid")
            let logged = logSize(server)
            do throws(BranchError) {
                try await run(
                    "pg_ctl",
                    [
                        "-D", data(server), "-l", log(server), "-w", "-t", String(Self.patience), "-o",
                        "-p \(server.hostPort) -c listen_addresses=127.0.0.1 -c unix_socket_directories=", "start",
                    ]
                )
            } catch {
                // What the server itself has said since is in its log.
                let said = logTail(server, from: logged)
                throw .runtime("PostgreSQL did not start: \(said.isEmpty ? error.description : said)")
            }
        }
        // One that runs may still be replaying its log.
        for _ in 0..<Self.patience {
            do throws(BranchError) {
                try await run("pg_isready", ["-q", "-h", "127.0.0.1", "-p", String(server.hostPort)])
                return
            } catch {
                try? await Task.sleep(for: .seconds(1))
            }
        }
        throw .runtime("PostgreSQL runs and does not answer within \(Self.patience) s; its log: \(log(server))")
    }

    package func stop(_ server: ServerSpec) async throws(BranchError) {
        guard try await isRunning(server) else { return try await account.endOrphans(in: data(server)) }
        do throws(BranchError) {
            try await run("pg_ctl", ["-D", data(server), "-w", "-t", String(Self.patience), "-m", "fast", "stop"])
        } catch {
            guard try await isRunning(server) else { return }
            try await run("pg_ctl", ["-D", data(server), "-w", "-t", String(Self.patience), "-m", "immediate", "stop"])
        }
    }

    /// Whether the process that `postmaster.pid` names works in this branch's data, as PostgreSQL does.
    ///
    /// A number alone proves nothing: after a start of the host it may be that of another branch's server.
    package func isRunning(_ server: ServerSpec) async throws(BranchError) -> Bool {
        let path = "\(data(server))/postmaster.pid"
        guard exists(path) else { return false }
        let file: String
        do {
            file = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            if !exists(path) { return false }
            throw .runtime("\(path) cannot be read: \(error.localizedDescription)")
        }
        guard let pid = file.split(separator: "\n").first.flatMap({ Int32($0) }) else { return false }
        return try account.worksIn(data(server), pid)
    }

    package func execute(_ commands: [String], on server: ServerSpec) async throws(BranchError) {
        for command in commands { try await psql(server, command, database: server.databaseName) }
    }

    package func remove(_ server: ServerSpec) async throws(BranchError) {
        try await account.endTools(of: server.targetID)
        try await account.remove(place(server))
    }

    // MARK: Helpers

    private func makePlace(_ server: ServerSpec) throws(BranchError) {
        try account.makeDirectory(place(server))
    }

    private func logSize(_ server: ServerSpec) -> UInt64 {
        let attributes = try? FileManager.default.attributesOfItem(atPath: log(server))
        return attributes?[.size] as? UInt64 ?? 0
    }

    /// The last lines of a server's log behind a place in it, on one line.
    private func logTail(_ server: ServerSpec, from start: UInt64) -> String {
        guard let file = FileHandle(forReadingAtPath: log(server)) else { return "" }
        defer { try? file.close() }
        let end = (try? file.seekToEnd()) ?? 0
        let longest: UInt64 = 16 * 1_024
        try? file.seek(toOffset: max(min(start, end), end > longest ? end - longest : 0))
        let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
        return text.split(separator: "\n").suffix(6).joined(separator: "; ")
    }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    @discardableResult
    private func run(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        toolOf target: String? = nil
    ) async throws(BranchError) -> String {
        try await account.check(
            "\(installation.programs)/\(program)",
            arguments,
            environment: environment,
            toolOf: target
        )
    }

    @discardableResult
    func psql(_ server: ServerSpec, _ command: String, database: String = "postgres") async throws(BranchError)
        -> String
    {
        try await run(
            "psql",
            [
                "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", String(server.hostPort), "-U",
                server.username, "-d", database, "-c", command,
            ],
            environment: ["PGPASSWORD": server.password, "PGCONNECT_TIMEOUT": "30"]
        )
    }

    private static func literal(_ text: String) -> String { text.replacing("'", with: "''") }

    private func failure(_ what: String) -> BranchError {
        .runtime("cannot \(what): \(String(cString: strerror(errno)))")
    }
}
