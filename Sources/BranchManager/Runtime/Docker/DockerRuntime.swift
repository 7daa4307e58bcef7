import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Branches as containers of this host's Docker Engine: published on 127.0.0.1, and known to other
/// containers of the network as `<database>--<branch>.frost.internal`.
///
/// Works with images that honour the variables of Docker's `postgres` image. A stopped branch has no
/// container; its data is `<directory>/<target id>/data`, mounted into whichever container runs it.
package struct DockerRuntime: BranchRuntime {
    package static let defaultImage = "postgres:16"
    package static let defaultSocket = "/var/run/docker.sock"
    package static let defaultNetwork = "frost"

    /// How long a server may take to answer, in tries a quarter of a second apart: two minutes.
    private static let tries = 480
    /// How long a server may take to stop, in seconds.
    private static let patience = 60
    private static let mount = "/var/lib/postgresql/data"
    private static let data = "\(mount)/pgdata"

    let engine: DockerEngine
    let directory: String
    private let image: String
    private let network: String
    private let limits: @Sendable () throws(BranchError) -> Limits

    /// - Parameters:
    ///   - directory: of all branches' data; made when it is not there. Absolute.
    ///   - socket: of the engine.
    ///   - limits: asked at each start.
    package init(
        directory: String,
        image: String = DockerRuntime.defaultImage,
        socket: String = DockerRuntime.defaultSocket,
        network: String = DockerRuntime.defaultNetwork,
        limits: @escaping @Sendable () throws(BranchError) -> Limits = { Limits() }
    ) throws(BranchError) {
        engine = DockerEngine(socket: socket)
        self.directory = directory
        self.image = image
        self.network = network
        self.limits = limits
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

    package static func containerName(_ targetID: String) -> String { "frost-db-\(targetID)" }

    private func name(_ server: ServerSpec) -> String { Self.containerName(server.targetID) }
    private func helper(_ server: ServerSpec) -> String { "frost-help-\(server.targetID)" }
    func place(_ server: ServerSpec) -> String { "\(directory)/\(server.targetID)" }
    private func data(_ server: ServerSpec) -> String { "\(place(server))/data" }
    private func copy(_ server: ServerSpec) -> String { "\(place(server))/copy" }

    // MARK: Making

    package func initialize(_ server: ServerSpec) async throws(BranchError) {
        try await engine.remove(name(server))
        try makePlace(server)
        try await removeFiles(server, ["data"])
        // The image makes role and database when the directory is empty.
        try await run(server)
        try await stop(server)
    }

    package func copy(from source: ServerSpec, to server: ServerSpec) async throws(BranchError) -> [String] {
        try makePlace(server)
        try await removeFiles(server, ["copy"])
        var spec = DockerEngine.ContainerSpec(Image: image)
        spec.User = "root"
        let prepare = "mkdir -p /place/copy && chown postgres /place/copy && chmod 700 /place/copy"
        if try await isRunning(source) {
            // In the network of the source: its server takes replication from 127.0.0.1.
            spec.Entrypoint = [
                "/bin/sh", "-c",
                // `su` sets PATH anew, and keeps the rest.
                Self.refuseTablespaces + prepare
                    + " && su postgres -s /bin/sh -c \"PATH='$PATH' pg_basebackup -D /place/copy/pgdata -h 127.0.0.1 "
                    + "-p 5432 --checkpoint=fast --wal-method=stream --no-password\"",
            ]
            spec.Env = [
                "PGPASSWORD=\(source.password)", "PGUSER=\(source.username)", "PGDATABASE=\(source.databaseName)",
                "PATH=\(Self.path)",
            ]
            spec.HostConfig.NetworkMode = "container:\(name(source))"
            spec.HostConfig.Binds = ["\(place(server)):/place"]
        } else {
            spec.Entrypoint = [
                "/bin/sh", "-c",
                prepare + " && cp -a /source/. /place/copy/ && sync",
            ]
            spec.HostConfig.NetworkMode = "none"
            spec.HostConfig.Binds = ["\(place(server)):/place", "\(data(source)):/source:ro"]
        }
        try await engine.runToEnd(helper(server), spec)
        return try await putRight(server)
    }

    /// A tablespace lies outside of what is mounted into a copy: it would be lost with the container that copies.
    private static let refuseTablespaces =
        "test \"$(psql -XqAt -h 127.0.0.1 -c 'SELECT count(*) FROM pg_tablespace WHERE oid > 1664')\" = 0 "
        + "|| { echo 'the branch has tablespaces, which cannot be copied; move its tables out of them' >&2; exit 1; }; "

    /// In a container without a network, as the image's own account, with the copy where its server will have it.
    private func putRight(_ server: ServerSpec) async throws(BranchError) -> [String] {
        var spec = DockerEngine.ContainerSpec(Image: image)
        spec.User = "postgres"
        spec.Entrypoint = ["/bin/sh", "-c", "while :; do sleep 3600; done"]
        spec.Env = ["PATH=\(Self.path)"]
        spec.HostConfig.NetworkMode = "none"
        spec.HostConfig.Binds = ["\(copy(server)):\(Self.mount)"]
        let helper = helper(server)
        try await engine.run(helper, spec)
        let turnedOff: [String]
        do throws(BranchError) {
            turnedOff = try await CopyCleanup(data: Self.data, ownPlace: Self.mount, postgres: "postgres") {
                script,
                arguments throws(BranchError) in
                let result = try await engine.execute(
                    ["/bin/sh", "-c", script, "frost"] + arguments,
                    in: helper,
                    timeout: DockerEngine.copyTimeout
                )
                guard result.code == 0 else {
                    let said = result.output.split(separator: "\n").suffix(4).joined(separator: "; ")
                    throw .runtime("Docker: \(helper): \(said)")
                }
                return result.output
            }.run(database: server.databaseName)
            let synced = try await engine.execute(["sync"], in: helper, timeout: DockerEngine.copyTimeout)
            guard synced.code == 0 else { throw .runtime("Docker: \(helper): sync: \(synced.output)") }
        } catch {
            try? await engine.remove(helper)
            throw error
        }
        try await engine.remove(helper)
        return turnedOff
    }

    package func adoptCopy(_ server: ServerSpec) async throws(BranchError) {
        // The place itself is this process's: nobody in a container can swap what is directly in it.
        if exists(copy(server)) {
            // Repeated after a crash, each step finds what the one before has left.
            if exists(data(server)) {
                try await removeFiles(server, ["old"])
                guard rename(data(server), "\(place(server))/old") == 0 else {
                    throw failure("put \(data(server)) aside")
                }
            }
            guard rename(copy(server), data(server)) == 0 else {
                let failure = failure("put the copy in place of \(data(server))")
                rename("\(place(server))/old", data(server))
                throw failure
            }
            try DirectorySync.sync(place(server))
        }
        try await removeFiles(server, ["old"])
    }

    package func discardCopy(_ server: ServerSpec) async throws(BranchError) {
        try await removeFiles(server, ["copy"])
    }

    // MARK: Running

    package func start(_ server: ServerSpec) async throws(BranchError) -> ServerCondition {
        if try await isRunning(server) {
            let current = try await condition(server)
            if current != .down { return current }
        }
        // The engine would make an empty one, and the image a server without anybody's data in it.
        guard exists(data(server)) else { throw .runtime("\(data(server)) is not there; reset or delete the branch") }
        return try await run(server)
    }

    package func condition(_ server: ServerSpec) async throws(BranchError) -> ServerCondition {
        guard try await isRunning(server) else { return .down }
        if await answers(server) { return .answering }
        let log = try await engine.log(of: name(server)).replacing("; ", with: "\n")
        return .recovering(LocalRuntime.progress(log) ?? "PostgreSQL is starting up")
    }

    package func versionForNewServer(_ asked: Int?) throws(BranchError) -> Int? {
        guard let asked else { return nil }
        throw .invalid(
            "containers have the PostgreSQL of the image \(image); for \(asked) name one of that version: "
                + "frost settings --postgres-image postgres:\(asked)"
        )
    }

    package func versionsForNewServers() -> [Int] { [] }

    package func majorVersion(_ server: ServerSpec) async throws(BranchError) -> Int? {
        guard try await isRunning(server) else { return nil }
        let result = try await engine.execute(["cat", "\(Self.mount)/pgdata/PG_VERSION"], in: name(server))
        return result.code == 0 ? Int(result.output) : nil
    }

    package func passwordVerifier(_ server: ServerSpec) async throws(BranchError) -> String? {
        let role = server.username.replacing("'", with: "''")
        return try await psql(
            "SELECT coalesce(rolpassword, '') FROM pg_catalog.pg_authid WHERE rolname = '\(role)'",
            on: server
        )
    }

    @discardableResult
    private func run(_ server: ServerSpec) async throws(BranchError) -> ServerCondition {
        let networkID = try await engine.makeNetwork(network)
        var spec = DockerEngine.ContainerSpec(Image: image)
        spec.Env = [
            "POSTGRES_USER=\(server.username)", "POSTGRES_PASSWORD=\(server.password)",
            "POSTGRES_DB=\(server.databaseName)",
            "PGDATA=\(Self.data)",
        ]
        spec.Labels = [
            "frost.managed": "true", "frost.database.id": server.databaseID, "frost.target.id": server.targetID,
            "frost.target.name": server.targetName,
        ]
        spec.ExposedPorts = ["5432/tcp": [:]]
        spec.HostConfig.Binds = ["\(data(server)):\(Self.mount)"]
        spec.HostConfig.PortBindings = ["5432/tcp": [["HostIp": "127.0.0.1", "HostPort": String(server.hostPort)]]]
        spec.HostConfig.NetworkMode = networkID
        let limits = try limits()
        spec.HostConfig.Memory = limits.memory
        spec.HostConfig.NanoCpus = limits.nanoCPUs
        spec.NetworkingConfig = .init(EndpointsConfig: [networkID: .init(Aliases: [server.internalName])])
        try await runOnNetwork(name(server), spec)
        for _ in 0..<Self.tries {
            if await answers(server) { return .answering }
            guard let state = try await engine.state(of: name(server)), state.Running else { break }
            try? await Task.sleep(for: .milliseconds(250))
        }
        // One that runs is recovering: taken down, it would only begin again.
        let current = try await condition(server)
        if current != .down { return current }
        let log = try await engine.log(of: name(server))
        throw .runtime("PostgreSQL did not start: \(log)")
    }

    package func stop(_ server: ServerSpec) async throws(BranchError) {
        try await engine.remove(name(server), after: Self.patience)
    }

    package func isRunning(_ server: ServerSpec) async throws(BranchError) -> Bool {
        try await engine.state(of: name(server))?.Running ?? false
    }

    package func execute(_ commands: [String], on server: ServerSpec) async throws(BranchError) {
        for command in commands { try await psql(command, on: server) }
    }

    /// As the server's account over the container's own socket, which the image's rules trust.
    @discardableResult
    private func psql(_ command: String, on server: ServerSpec) async throws(BranchError) -> String {
        let result = try await engine.execute(
            [
                // The fifth line is the directory of its first socket.
                "/bin/sh", "-c", "exec psql -h \"$(sed -n 5p \"$0/postmaster.pid\")\" \"$@\"", "\(Self.mount)/pgdata",
                "-XqAtw", "-v", "ON_ERROR_STOP=1", "-U", server.username, "-d", server.databaseName, "-c", command,
            ],
            in: name(server),
            user: "postgres",
            environment: ["PGPASSWORD=\(server.password)", "PATH=\(Self.path)"]
        )
        guard result.code == 0 else { throw .runtime("psql: \(result.output)") }
        return result.output
    }

    package func remove(_ server: ServerSpec) async throws(BranchError) {
        try await removeFiles(server, ["data", "copy", "old"])
        if rmdir(place(server)) != 0, errno != ENOENT { throw failure("remove \(place(server))") }
    }

    // MARK: Helpers

    /// In the first moments of a network, several who make it may see more than one of its name, which the
    /// engine refuses to choose from; it passes.
    private func runOnNetwork(_ name: String, _ spec: DockerEngine.ContainerSpec) async throws(BranchError) {
        for _ in 0..<20 {
            do throws(BranchError) {
                return try await engine.run(name, spec)
            } catch {
                guard error.description.contains("is ambiguous") else { throw error }
                try? await Task.sleep(for: .milliseconds(250))
            }
        }
        try await engine.run(name, spec)
    }

    /// Over TCP: while an image makes its database, a server of it answers on the Unix socket alone.
    private func answers(_ server: ServerSpec) async -> Bool {
        let result = try? await engine.execute(
            ["pg_isready", "-q", "-h", "127.0.0.1", "-U", server.username, "-d", server.databaseName],
            in: name(server)
        )
        return result?.code == 0
    }

    /// Files in a branch's place belong to the image's user; only a container can remove them when this is no root.
    private func removeFiles(_ server: ServerSpec, _ names: [String]) async throws(BranchError) {
        // One that a killed process has left at work there.
        try await engine.remove(helper(server))
        let present = names.filter { exists("\(place(server))/\($0)") }
        guard !present.isEmpty else { return }
        // Without an image, which somebody may have removed.
        if geteuid() == 0 {
            let path = place(server)
            return try await FileThread.run { () throws(BranchError) in
                // Below it are files of whoever runs in the container: no link among them is followed.
                guard let place = try HeldDirectory.open(path) else { return }
                for name in present { try place.removeTree(name) }
            }
        }
        var spec = DockerEngine.ContainerSpec(Image: image)
        spec.User = "root"
        spec.Entrypoint = ["/bin/rm", "-rf"] + present.map { "/place/\($0)" }
        spec.HostConfig.NetworkMode = "none"
        spec.HostConfig.Binds = ["\(place(server)):/place"]
        try await engine.runToEnd(helper(server), spec)
    }

    /// Debian's packages keep their programs out of PATH, which Docker's image puts them in.
    private static let path =
        "/usr/lib/postgresql/18/bin:/usr/lib/postgresql/17/bin:/usr/lib/postgresql/16/bin:/usr/lib/postgresql/15/bin:"
        + "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    private func makePlace(_ server: ServerSpec) throws(BranchError) {
        if mkdir(place(server), 0o711) != 0, errno != EEXIST { throw failure("make \(place(server))") }
    }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    private func failure(_ what: String) -> BranchError {
        .runtime("cannot \(what): \(String(cString: strerror(errno)))")
    }
}
