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
/// The owner of a branch runs programs as its server's account, and can replace anything below
/// `<directory>/<target id>`. All work there is done as that account, and follows no links.
///
/// `<directory>/<target id>/data` is a server's data, `…/copy` a new copy, `…/server.log` its log, `…/server.pid` its
/// process number, which is not read.
package struct LocalRuntime: BranchRuntime {
    let directory: String
    let installations: PostgresInstallations
    /// Of new branches.
    let account: ServerAccount
    let access: ServerAccess
    let serverLog: ServerLog
    /// nil if servers stay in the unit that starts them.
    let units: ServerUnits?
    package let ownSessions = OwnSessions()
    private let processes = ServerProcesses()
    /// How long a start waits for a recovering server before it returns.
    let timeout: Duration

    /// The default: longer than a start without recovery on a busy host. It also limits how long the branch is locked.
    package static let defaultStartTimeout = Duration.seconds(20)
    /// Time limit for a server to stop, in seconds.
    private static let stopTimeout = 120

    /// - Parameters:
    ///   - directory: of all branches; created if missing.
    ///   - user: for servers of new branches if this process is root; nil for `frost-postgres` if it exists, else
    ///     `postgres`.
    ///   - timeout: how long a start waits for a recovering server.
    ///   - logLimit: of each of the two files of a server's log, in bytes.
    ///   - units: systemd scopes for servers; nil leaves them in the unit that starts them.
    package init(
        directory: String,
        installations: PostgresInstallations,
        user: String? = nil,
        timeout: Duration = LocalRuntime.defaultStartTimeout,
        logLimit: Int? = nil,
        units: ServerUnits? = ServerUnits.find()
    ) throws(BranchError) {
        self.directory = directory
        self.installations = installations
        self.timeout = timeout
        self.units = units
        account = try ServerAccount(users: user.map { [$0] } ?? ServerAccount.users)
        access = ServerAccess(directory: "\((directory as NSString).deletingLastPathComponent)/access")
        serverLog = ServerLog(limit: logLimit ?? ServerLog.defaultLimit)
        do {
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o711]
            )
        } catch {
            throw .runtime("could not create \(directory): \(error.localizedDescription)")
        }
    }

    func place(_ server: ServerSpec) -> String { "\(directory)/\(server.targetID)" }
    func data(_ server: ServerSpec) -> String { "\(place(server))/data" }
    func copy(_ server: ServerSpec) -> String { "\(place(server))/copy" }
    func log(_ server: ServerSpec) -> String { "\(place(server))/\(Self.logName)" }
    static let logName = "server.log"

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
                // Sorts by bytes, but knows the letters of Unicode: upper('é'), ILIKE.
                "--locale=C", "--lc-ctype=C.UTF-8",
            ],
            of: server,
            isTool: true
        )
        try await inPlace(server) { place, _ throws(BranchError) in try place.removeFile("password") }
        // On a host of any speed: a server that does not come up has ended, and that is an error.
        while try await start(server) != .answering {}
        // The database may exist: this is repeated after a crash.
        let exists = try await psql(
            server,
            "SELECT 1 FROM pg_database WHERE datname = '\(Self.literal(server.databaseName))'"
        )
        if exists.isEmpty {
            try await psql(server, "CREATE DATABASE \"\(server.databaseName.replacing("\"", with: "\"\""))\"")
        }
        try await stop(server)
    }

    // MARK: Running

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
                // For example, its lock file, by which it is found, was replaced.
                try await account.endOrphans(in: data(server))
            }
        }
    }

    private func stop(_ server: ServerSpec, _ mode: String) async throws(BranchError) {
        try await run(
            stopProgram(server),
            ["-D", data(server), "-w", "-t", String(Self.stopTimeout), "-m", mode, "stop"],
            of: server
        )
    }

    /// A signal stops a server, so programs of any version will do if its own have been removed.
    private func stopProgram(_ server: ServerSpec) async throws(BranchError) -> String {
        do throws(BranchError) {
            return try await program("pg_ctl", of: server)
        } catch {
            return "\(try installations.forNewDatabase(nil).programs)/pg_ctl"
        }
    }

    /// Whether the process in `postmaster.pid` has this branch's data as its working directory, like PostgreSQL.
    ///
    /// A number alone proves nothing: after a boot of the host it may belong to another branch's server.
    package func isRunning(_ server: ServerSpec) async throws(BranchError) -> Bool {
        let (data, processes) = (data(server), processes)
        let isRunning =
            try await inPlace(server) { place, account throws(BranchError) in
                guard try place.kind("data") == .directory, let directory = try place.directory("data"),
                    try directory.kind("postmaster.pid") != nil
                else { return false }
                let file = try directory.end(of: "postmaster.pid", atMost: Self.lockFileLimit, owner: account.uid)
                guard let file,
                    let pid = String(decoding: file, as: UTF8.self).split(separator: "\n").first.flatMap({ Int32($0) })
                else {
                    // No server has written this file: the processes alone show whether one is running.
                    return !account.processes(in: data).isEmpty
                }
                return try processes.hold(pid, of: server.targetID) { () throws(BranchError) in
                    try account.worksIn(data, pid)
                }
            } ?? false
        if !isRunning { processes.release(server.targetID) }
        return isRunning
    }

    package func surelyRunning(of servers: [ServerSpec]) -> Set<String> {
        processes.living(of: Set(servers.map(\.targetID)))
    }

    /// A lock file has eight short lines; in bytes.
    private static let lockFileLimit: UInt64 = 64 * 1_024

    package func execute(_ commands: [String], on server: ServerSpec) async throws(BranchError) {
        for command in commands { try await psql(server, command, database: server.databaseName) }
    }

    package func remove(_ server: ServerSpec) async throws(BranchError) {
        ownSessions.forget(server)
        try await account.endTools(of: server.targetID)
        try await access.remove(server, account: account(of: server))
        let path = place(server)
        for attempt in 1... {
            try await inPlace(server) { place, _ throws(BranchError) in try place.removeContents() }
            if rmdir(path) == 0 || errno == ENOENT { return }
            guard errno == ENOTEMPTY, attempt < Self.removals else { throw HeldDirectory.failure("remove", path) }
        }
    }

    /// How often to empty a directory in which files keep appearing.
    private static let removals = 20

    // MARK: Helpers

    func makePlace(_ server: ServerSpec) throws(BranchError) {
        try account.makeDirectory(place(server))
    }

    /// The account of a branch's server: the owner of its directory.
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

    /// Changes the owner of a branch's directory that still belongs to root, because frost was killed in between.
    private func finishPlace(_ path: String) throws(BranchError) {
        var status = stat()
        guard account.owner != nil, lstat(path, &status) == 0, status.st_uid == 0, status.st_mode & S_IFMT == S_IFDIR
        else { return }
        try account.makeDirectory(path)
    }

    /// Runs `body` in a branch's directory as its owner, on a thread that may block.
    ///
    /// - Returns: nil if there is no such directory.
    @discardableResult
    func inPlace<Value: Sendable>(
        _ server: ServerSpec,
        _ body: @escaping @Sendable (HeldDirectory, ServerAccount) throws(BranchError) -> Value
    ) async throws(BranchError) -> Value? {
        let (account, path) = (try account(of: server), place(server))
        try finishPlace(path)
        return try await FileThread.run(as: account.owner) { () throws(BranchError) -> Value? in
            guard let place = try HeldDirectory.open(path) else { return nil }
            return try body(place, account)
        }
    }

    func program(_ name: String, of server: ServerSpec) async throws(BranchError) -> String {
        "\(try await programs(of: server))/\(name)"
    }

    /// Runs a program as the account of a branch.
    ///
    /// - Parameters:
    ///   - program: a path, or a name among PostgreSQL's programs.
    ///   - other: the branch that determines the program's version; nil for the same.
    ///   - isTool: whether its files are useless after this process has ended.
    ///   - progress: called for each progress line.
    @discardableResult
    func run(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        of server: ServerSpec,
        like other: ServerSpec? = nil,
        isTool: Bool = false,
        progress: (CopyProgress) -> Void = { _ in }
    ) async throws(BranchError) -> String {
        let path = program.contains("/") ? program : try await self.program(program, of: other ?? server)
        return try await account(of: server).check(
            path,
            arguments,
            environment: environment,
            toolOf: isTool ? server.targetID : nil,
            progress: progress
        )
    }

    @discardableResult
    func psql(_ server: ServerSpec, _ command: String, database: String = OwnSessions.database)
        async throws(BranchError)
        -> String
    {
        let way = try way(to: server, as: account(of: server))
        let environment = ["PGCONNECT_TIMEOUT": "30", "PGAPPNAME": OwnSessions.applicationName]
        return try await ownSessions.counting(database, of: server) { () async throws(BranchError) in
            try await run(
                "psql",
                ["-XqAt", "-v", "ON_ERROR_STOP=1", "-w"] + way.options + ["-d", database, "-c", command],
                environment: way.environment.merging(environment) { _, new in new },
                of: server
            )
        }
    }

    private static func literal(_ text: String) -> String { text.replacing("'", with: "''") }
}
