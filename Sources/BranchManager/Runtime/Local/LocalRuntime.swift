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
/// Whoever owns a branch runs programs as its server's account, and can put anything in place of anything below
/// `<directory>/<target id>`. All that is done there is done as that account, and follows no links.
///
/// `<directory>/<target id>/data` is a server's data, `…/copy` one that is being made, `…/server.log` its log.
package struct LocalRuntime: BranchRuntime {
    let directory: String
    private let installation: PostgresInstallation
    /// Of new branches.
    let account: ServerAccount

    /// How long a server may take to start or stop, in seconds. A start after a crash replays the log.
    private static let patience = 120

    /// - Parameters:
    ///   - directory: of all branches; made when it is not there.
    ///   - user: that servers of new branches run as when this process is root; nil for `frost-postgres` where there is
    ///     such a user, else `postgres`.
    package init(directory: String, installation: PostgresInstallation, user: String? = nil) throws(BranchError) {
        self.directory = directory
        self.installation = installation
        account = try ServerAccount(users: user.map { [$0] } ?? ServerAccount.users)
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
    private func log(_ server: ServerSpec) -> String { "\(place(server))/\(Self.logName)" }
    private static let logName = "server.log"

    // MARK: Making

    package func initialize(_ server: ServerSpec) async throws(BranchError) {
        try makePlace(server)
        try await account.endTools(of: server.targetID)
        try await stop(server)
        try await inPlace(server) { place, _ throws(BranchError) in
            try place.removeTree("data")
            try place.write(server.password + "\n", to: "password")
        }
        try await run(
            "initdb",
            [
                "-D", data(server), "-U", server.username, "--pwfile", "\(place(server))/password", "-A",
                "scram-sha-256", "-E",
                "UTF8",
                "--no-locale",
            ],
            of: server,
            isTool: true
        )
        try await inPlace(server) { place, _ throws(BranchError) in try place.removeFile("password") }
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

    package func copy(from source: ServerSpec, to server: ServerSpec) async throws(BranchError) -> [String] {
        try makePlace(server)
        try await discardCopy(server)
        let tablespaces = try await inPlace(source) { place, _ throws(BranchError) in
            try place.directory("data")?.directory("pg_tblspc")?.names(atMost: 1) ?? []
        }
        guard tablespaces?.isEmpty ?? true else {
            throw .runtime(
                "the branch '\(source.targetName)' has tablespaces, which a copy would share with it; move its tables out of them"
            )
        }
        if try await isRunning(source) {
            try await baseBackup(of: source, to: server)
        } else {
            // Shut down: its files are consistent.
            try await account(of: source).endOrphans(in: data(source))
            try await copyFiles(of: source, to: server)
        }
        let turnedOff = try await CopyCleanup(data: copy(server), ownPlace: copy(server), postgres: program("postgres"))
        {
            script,
            arguments throws(BranchError) in
            try await run("/bin/sh", ["-c", script, "frost"] + arguments, of: server, isTool: true)
        }.run(database: server.databaseName)
        // As pg_basebackup does: the branch's old data goes when the copy is in its place.
        try await run("initdb", ["--sync-only", "-D", copy(server)], of: server, isTool: true)
        return turnedOff
    }

    /// Copies the files of a server that does not run; a clone where the file system has them.
    private func copyFiles(of source: ServerSpec, to server: ServerSpec) async throws(BranchError) {
        let (reader, writer) = (try account(of: source), try account(of: server))
        guard reader.owner != writer.owner else {
            try await run(
                "/bin/cp",
                ["-aT", "--reflink=auto", "--", data(source), copy(server)],
                of: server,
                isTool: true
            )
            return
        }
        // Each reads and writes what is its own. A shell tells of the last program of a pipe only.
        let script = """
            set -eu
            status=$( { { \(reader.command.joined(separator: " ")) tar -C "$1" -cf - --one-file-system . || echo read >&3; } \
                | \(writer.command.joined(separator: " ")) tar -C "$2" -xpf - >&2 || echo write >&3; } 3>&1 )
            [ -z "$status" ]
            """
        try await inPlace(server) { place, _ throws(BranchError) in
            guard mkdirat(place.descriptor, "copy", 0o700) == 0 else { throw HeldDirectory.failure("make", place.path) }
        }
        try await ServerAccount(owner: nil).check(
            "/bin/sh",
            ["-c", script, "frost", data(source), copy(server)],
            toolOf: server.targetID
        )
    }

    private func baseBackup(of source: ServerSpec, to server: ServerSpec) async throws(BranchError) {
        try await checkSenders(of: source)
        // Put on disk when it is put right.
        try await run(
            "pg_basebackup",
            [
                "-D", copy(server), "-h", "127.0.0.1", "-p", String(source.hostPort), "-U", source.username,
                "--checkpoint=fast", "--wal-method=stream", "--no-password", "--no-sync",
            ],
            environment: ["PGPASSWORD": source.password],
            of: server,
            isTool: true
        )
    }

    package func adoptCopy(_ server: ServerSpec) async throws(BranchError) {
        try await inPlace(server) { place, _ throws(BranchError) in
            if try place.kind("copy") != nil {
                // Repeated after a crash, each step finds what the one before has left.
                if try place.kind("data") != nil {
                    try place.removeTree("old")
                    try place.rename("data", to: "old")
                }
                do throws(BranchError) {
                    try place.rename("copy", to: "data")
                } catch {
                    try? place.rename("old", to: "data")
                    throw error
                }
                try place.sync()
            }
            try place.removeTree("old")
        }
    }

    package func discardCopy(_ server: ServerSpec) async throws(BranchError) {
        try await account.endTools(of: server.targetID)
        try await inPlace(server) { place, _ throws(BranchError) in try place.removeTree("copy") }
    }

    // MARK: Running

    package func start(_ server: ServerSpec) async throws(BranchError) {
        if try await !isRunning(server) {
            try await account(of: server).endOrphans(in: data(server))
            let logged = try await inPlace(server) { place, _ throws(BranchError) in
                // Of a server that is gone. PostgreSQL would take a process that has its number now for it.
                try place.directory("data")?.removeFile("postmaster.pid")
                // A pipe would keep it waiting, a link have it write elsewhere.
                if let kind = try place.kind(Self.logName), kind != .file { try place.removeTree(Self.logName) }
                return place.size(Self.logName)
            }
            do throws(BranchError) {
                try await run(
                    "pg_ctl",
                    [
                        "-D", data(server), "-l", log(server), "-w", "-t", String(Self.patience), "-o",
                        "-p \(server.hostPort) -c listen_addresses=127.0.0.1 -c unix_socket_directories=", "start",
                    ],
                    of: server
                )
            } catch {
                // What the server itself has said since is in its log.
                let said = await logTail(server, from: logged ?? 0)
                throw .runtime("PostgreSQL did not start: \(said.isEmpty ? error.description : said)")
            }
        }
        // One that runs may still be replaying its log.
        for _ in 0..<Self.patience {
            do throws(BranchError) {
                try await run("pg_isready", ["-q", "-h", "127.0.0.1", "-p", String(server.hostPort)], of: server)
                return
            } catch {
                try? await Task.sleep(for: .seconds(1))
            }
        }
        throw .runtime("PostgreSQL runs and does not answer within \(Self.patience) s; its log: \(log(server))")
    }

    package func stop(_ server: ServerSpec) async throws(BranchError) {
        let account = try account(of: server)
        guard try await isRunning(server) else { return try await account.endOrphans(in: data(server)) }
        do throws(BranchError) {
            try await stop(server, "fast")
        } catch {
            guard try await isRunning(server) else { return }
            do throws(BranchError) {
                try await stop(server, "immediate")
            } catch {
                // As when somebody put something else in place of its lock file, by which it is found.
                try await account.endOrphans(in: data(server))
            }
        }
    }

    private func stop(_ server: ServerSpec, _ mode: String) async throws(BranchError) {
        try await run(
            "pg_ctl",
            ["-D", data(server), "-w", "-t", String(Self.patience), "-m", mode, "stop"],
            of: server
        )
    }

    /// Whether the process that `postmaster.pid` names works in this branch's data, as PostgreSQL does.
    ///
    /// A number alone proves nothing: after a start of the host it may be that of another branch's server.
    package func isRunning(_ server: ServerSpec) async throws(BranchError) -> Bool {
        let data = data(server)
        return try await inPlace(server) { place, account throws(BranchError) in
            guard try place.kind("data") == .directory, let directory = try place.directory("data"),
                try directory.kind("postmaster.pid") != nil
            else { return false }
            let file = try directory.end(of: "postmaster.pid", atMost: Self.lockFileLimit, owner: account.uid)
            guard let file,
                let pid = String(decoding: file, as: UTF8.self).split(separator: "\n").first.flatMap({ Int32($0) })
            else {
                // Not what a server has written: whether there is one is told by the processes alone.
                return !account.processes(in: data).isEmpty
            }
            return try account.worksIn(data, pid)
        } ?? false
    }

    /// A lock file has eight short lines; in bytes.
    private static let lockFileLimit: UInt64 = 64 * 1_024

    package func execute(_ commands: [String], on server: ServerSpec) async throws(BranchError) {
        for command in commands { try await psql(server, command, database: server.databaseName) }
    }

    package func remove(_ server: ServerSpec) async throws(BranchError) {
        try await account.endTools(of: server.targetID)
        let path = place(server)
        for attempt in 1... {
            try await inPlace(server) { place, _ throws(BranchError) in try place.removeContents() }
            if rmdir(path) == 0 || errno == ENOENT { return }
            guard errno == ENOTEMPTY, attempt < Self.removals else { throw HeldDirectory.failure("remove", path) }
        }
    }

    /// How often a directory is emptied in which files go on appearing.
    private static let removals = 20

    // MARK: Helpers

    private func makePlace(_ server: ServerSpec) throws(BranchError) {
        try account.makeDirectory(place(server))
    }

    /// Whom a branch's server runs as: whoever its directory belongs to.
    func account(of server: ServerSpec) throws(BranchError) -> ServerAccount {
        try account(ofPlace: place(server))
    }

    func account(ofPlace path: String) throws(BranchError) -> ServerAccount {
        guard account.owner != nil else { return account }
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return account }
            throw HeldDirectory.failure("look at", path)
        }
        return status.st_uid == 0
            ? account : ServerAccount(owner: FileOwner(uid: status.st_uid, gid: status.st_gid))
    }

    /// Does something in a branch's directory, as the account that owns it, and where blocking is allowed.
    ///
    /// - Returns: nil when there is no such directory.
    @discardableResult
    func inPlace<Value: Sendable>(
        _ server: ServerSpec,
        _ body: @escaping @Sendable (HeldDirectory, ServerAccount) throws(BranchError) -> Value
    ) async throws(BranchError) -> Value? {
        let (account, path) = (try account(of: server), place(server))
        return try await FileThread.run(as: account.owner) { () throws(BranchError) -> Value? in
            guard let place = try HeldDirectory.open(path) else { return nil }
            return try body(place, account)
        }
    }

    /// The last lines of a server's log behind a place in it, on one line.
    private func logTail(_ server: ServerSpec, from start: UInt64) async -> String {
        let bytes = try? await inPlace(server) { place, account throws(BranchError) in
            try place.end(of: Self.logName, from: start, atMost: Self.logTail, owner: account.uid) ?? []
        }
        return String(decoding: (bytes ?? nil) ?? [], as: UTF8.self).split(separator: "\n").suffix(6)
            .joined(separator: "; ")
    }

    /// Of a log that is looked through for the last lines, in bytes.
    private static let logTail: UInt64 = 16 * 1_024

    private func program(_ name: String) -> String { "\(installation.programs)/\(name)" }

    /// Runs a program as the account of a branch.
    ///
    /// - Parameters:
    ///   - program: a path, or a name among PostgreSQL's programs.
    ///   - isTool: whether it makes files that are of no use to anybody once this process is gone.
    @discardableResult
    private func run(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        of server: ServerSpec,
        isTool: Bool = false
    ) async throws(BranchError) -> String {
        try await account(of: server).check(
            program.contains("/") ? program : self.program(program),
            arguments,
            environment: environment,
            toolOf: isTool ? server.targetID : nil
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
            environment: ["PGPASSWORD": server.password, "PGCONNECT_TIMEOUT": "30"],
            of: server
        )
    }

    private static func literal(_ text: String) -> String { text.replacing("'", with: "''") }
}
