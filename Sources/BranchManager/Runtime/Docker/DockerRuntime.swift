import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Branches as containers of this host's Docker Engine: published on 127.0.0.1, and known to other
/// containers of the network as `<database>--<branch>.frost.internal`.
///
/// Works with images that support the variables of Docker's `postgres` image, and its handling of the server's command
/// line. A stopped branch has no container; its data is `<directory>/<target id>/data`, mounted into whichever
/// container runs it.
package struct DockerRuntime: BranchRuntime {
    package static let defaultImage = "postgres:16"
    package static let defaultSocket = "/var/run/docker.sock"
    package static let defaultNetwork = "frost"
    /// A busy engine takes seconds; a page does not wait longer.
    package static let defaultLookTimeout = Duration.seconds(10)

    /// Time limit for a server to answer, in tries a quarter of a second apart: two minutes.
    private static let tries = 480
    /// Time limit for a server to stop, in seconds.
    private static let timeout = 60
    static let mount = "/var/lib/postgresql/data"
    static let data = "\(mount)/pgdata"

    let engine: DockerEngine
    let directory: String
    let images: @Sendable () throws(BranchError) -> PostgresImages
    let majors = KnownMajors()
    package let ownSessions = OwnSessions()
    private let network: String
    private let limits: @Sendable () throws(BranchError) -> Limits

    /// - Parameters:
    ///   - directory: of all branches' data; absolute, created if missing.
    ///   - image: the name of one image, or a pattern for all versions (``PostgresImages``); read each time.
    ///   - socket: of the engine.
    ///   - limits: read at each start.
    ///   - lookTimeout: of short requests, such as availability and lists.
    ///   - hint: for commands in messages.
    package init(
        directory: String,
        image: @escaping @Sendable () throws(BranchError) -> String = { DockerRuntime.defaultImage },
        socket: String = DockerRuntime.defaultSocket,
        network: String = DockerRuntime.defaultNetwork,
        limits: @escaping @Sendable () throws(BranchError) -> Limits = { Limits() },
        lookTimeout: Duration = DockerRuntime.defaultLookTimeout,
        hint: CommandHint = CommandHint()
    ) throws(BranchError) {
        engine = DockerEngine(socket: socket, lookTimeout: lookTimeout, hint: hint)
        self.directory = directory
        images = { () throws(BranchError) in try PostgresImages(image()) }
        self.network = network
        self.limits = limits
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

    package static func containerName(_ targetID: String) -> String { "frost-db-\(targetID)" }

    func name(_ server: ServerSpec) -> String { Self.containerName(server.targetID) }
    func helper(_ server: ServerSpec) -> String { "frost-help-\(server.targetID)" }
    func place(_ server: ServerSpec) -> String { "\(directory)/\(server.targetID)" }
    func data(_ server: ServerSpec) -> String { "\(place(server))/data" }
    func copy(_ server: ServerSpec) -> String { "\(place(server))/copy" }

    // MARK: Making

    package func initialize(_ server: ServerSpec) async throws(BranchError) {
        try await engine.remove(name(server))
        try makePlace(server)
        try await removeFiles(server, ["data"])
        let image = try await imageForNew(server.postgresVersion)
        // The image creates role and database if the directory is empty. Nobody can connect to the server meanwhile,
        // and it keeps the image's own rules, which other actions of the first start may need.
        var spec = DockerEngine.ContainerSpec(Image: image.name)
        spec.Env = [
            "POSTGRES_USER=\(server.username)", "POSTGRES_PASSWORD=\(server.password)",
            "POSTGRES_DB=\(server.databaseName)", "PGDATA=\(Self.data)",
        ]
        spec.Labels = ["frost.managed": "true", "frost.target.id": server.targetID]
        spec.HostConfig.Binds = ["\(data(server)):\(Self.mount)"]
        spec.HostConfig.NetworkMode = try await engine.makeNetwork(network)
        spec.HostConfig.confine()
        try await engine.run(name(server), spec)
        guard try await waitForAnswer(server) == .answering else {
            throw .runtime("the new PostgreSQL server does not answer")
        }
        try await stop(server)
    }

    // MARK: Running

    package func start(_ server: ServerSpec) async throws(BranchError) -> ServerCondition {
        if try await isRunning(server) {
            let current = try await condition(server)
            if current != .down { return current }
        }
        // The engine would create an empty one, and the image a new server without data.
        guard exists(data(server)) else { throw .runtime("\(data(server)) does not exist; reset or delete the branch") }
        return try await launch(server)
    }

    package func condition(_ server: ServerSpec) async throws(BranchError) -> ServerCondition {
        guard try await isRunning(server) else { return .down }
        if await answers(server) { return .answering }
        let log = try await engine.log(of: name(server)).replacing("; ", with: "\n")
        return .recovering(LocalRuntime.progress(log) ?? "PostgreSQL is starting up")
    }

    private func launch(_ server: ServerSpec) async throws(BranchError) -> ServerCondition {
        let networkID = try await engine.makeNetwork(network)
        var image = try await image(of: server)
        try await engine.create(name(server), try spec(of: server, image, on: networkID))
        // The version in the data takes precedence over that in the store.
        guard let major = try await major(ofDataIn: name(server)) else {
            throw .runtime("\(data(server)) has no PG_VERSION; reset or delete the branch")
        }
        if major != image.major {
            image = try await self.image(for: major, kept: server.image)
            try await engine.create(name(server), try spec(of: server, image, on: networkID))
        }
        try await giveAccess(server, major: major)
        try await engine.start(name(server))
        return try await waitForAnswer(server)
    }

    private func spec(
        of server: ServerSpec,
        _ image: ServerImage,
        on networkID: String
    ) throws(BranchError) -> DockerEngine.ContainerSpec {
        var spec = DockerEngine.ContainerSpec(Image: image.name)
        spec.Cmd = Self.command(image.image)
        // Without the password, which the image needs only for a new server.
        spec.Env = [
            "POSTGRES_USER=\(server.username)", "POSTGRES_DB=\(server.databaseName)", "PGDATA=\(Self.data)",
        ]
        spec.Labels = [
            "frost.managed": "true", "frost.database.id": server.databaseID, "frost.target.id": server.targetID,
            "frost.target.name": server.targetName,
        ]
        spec.Volumes = [Access.sockets: [:]]
        spec.ExposedPorts = ["5432/tcp": [:]]
        spec.HostConfig.Binds = ["\(data(server)):\(Self.mount)"]
        spec.HostConfig.PortBindings = ["5432/tcp": [["HostIp": "127.0.0.1", "HostPort": String(server.hostPort)]]]
        spec.HostConfig.NetworkMode = networkID
        spec.HostConfig.confine()
        let limits = try limits()
        spec.HostConfig.Memory = limits.memory
        spec.HostConfig.NanoCpus = limits.nanoCPUs
        spec.NetworkingConfig = .init(EndpointsConfig: [networkID: .init(Aliases: [server.internalName])])
        return spec
    }

    private func waitForAnswer(_ server: ServerSpec) async throws(BranchError) -> ServerCondition {
        for _ in 0..<Self.tries {
            if await answers(server) { return .answering }
            guard let state = try await engine.state(of: name(server)), state.Running else { break }
            try? await Task.sleep(for: .milliseconds(250))
        }
        // A running server is recovering: a restart would only start the recovery again.
        let current = try await condition(server)
        if current != .down { return current }
        let log = try await engine.log(of: name(server))
        throw .runtime("PostgreSQL did not start: \(log)")
    }

    package func stop(_ server: ServerSpec) async throws(BranchError) {
        try await engine.remove(name(server), after: Self.timeout)
    }

    package func isRunning(_ server: ServerSpec) async throws(BranchError) -> Bool {
        try await engine.state(of: name(server))?.Running ?? false
    }

    package func remove(_ server: ServerSpec) async throws(BranchError) {
        ownSessions.forget(server)
        try await removeFiles(server, ["data", "copy", "old"])
        if rmdir(place(server)) != 0, errno != ENOENT { throw failure("remove \(place(server))") }
    }

    // MARK: Helpers

    /// Over TCP: while an image creates its database, a temporary server answers on the Unix socket only.
    private func answers(_ server: ServerSpec) async -> Bool {
        let result = try? await engine.execute(
            ["pg_isready", "-q", "-h", "127.0.0.1", "-U", server.username, "-d", server.databaseName],
            in: name(server)
        )
        return result?.code == 0
    }

    /// Files in a branch's directory belong to the image's user; without root, only a container can remove them.
    func removeFiles(_ server: ServerSpec, _ names: [String]) async throws(BranchError) {
        // A helper left running by a killed process.
        try await engine.remove(helper(server))
        let present = names.filter { exists("\(place(server))/\($0)") }
        guard !present.isEmpty else { return }
        // Works without the image, which may have been removed.
        if geteuid() == 0 {
            let path = place(server)
            return try await FileThread.run { () throws(BranchError) in
                // Files below it belong to the container's users: follow no links.
                guard let place = try HeldDirectory.open(path) else { return }
                for name in present { try place.removeTree(name) }
            }
        }
        var spec = DockerEngine.ContainerSpec(Image: try await anyImage(server))
        spec.User = "root"
        spec.Entrypoint = ["/bin/rm", "-rf"] + present.map { "/place/\($0)" }
        spec.HostConfig.NetworkMode = "none"
        spec.HostConfig.Binds = ["\(place(server)):/place"]
        try await engine.runToEnd(helper(server), spec)
    }

    func makePlace(_ server: ServerSpec) throws(BranchError) {
        if mkdir(place(server), 0o711) != 0, errno != EEXIST { throw failure("make \(place(server))") }
    }

    func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    func failure(_ what: String) -> BranchError {
        .runtime("cannot \(what): \(String(cString: strerror(errno)))")
    }
}
