import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension DockerRuntime {
    package func copy(
        from source: ServerSpec,
        to server: ServerSpec,
        progress: @escaping @Sendable (CopyProgress) -> Void
    ) async throws(BranchError) -> [String] {
        try makePlace(server)
        try await removeFiles(server, ["copy"])
        let image: ServerImage
        if let container = try await engine.container(name(source)), container.State.Running {
            image = try await baseBackup(of: source, in: container, to: server, progress: progress)
        } else {
            image = try await self.image(of: source)
            var spec = DockerEngine.ContainerSpec(Image: image.image.Id)
            spec.User = "root"
            spec.Entrypoint = ["/bin/sh", "-c", "\(Self.prepare) && cp -a /source/. /place/copy/ && sync"]
            spec.HostConfig.NetworkMode = "none"
            spec.HostConfig.Binds = ["\(place(server)):/place", "\(data(source)):/source:ro"]
            try await engine.runToEnd(helper(server), spec)
        }
        return try await putRight(server, image)
    }

    private static let prepare =
        "mkdir -p /place/copy && chown \(Access.account) /place/copy && chmod 700 /place/copy"

    /// Runs a helper of the same image that shares only the socket with the source, and writes to the copy's location,
    /// so that the data does not pass through this process.
    ///
    /// - Returns: the image of the source.
    private func baseBackup(
        of source: ServerSpec,
        in container: DockerEngine.Container,
        to server: ServerSpec,
        progress: @escaping @Sendable (CopyProgress) -> Void
    ) async throws(BranchError) -> ServerImage {
        guard let volume = container.volume(at: Access.sockets) else {
            throw .runtime(
                "the container of the branch '\(source.targetName)' was created by an earlier frost and cannot be "
                    + "copied while it runs; deploy the branch first: "
                    + "\(next: engine.hint.command("branch deploy \(source.targetID)"))"
            )
        }
        let tablespaces = try await psql("SELECT count(*) FROM pg_catalog.pg_tablespace WHERE oid > 1664", on: source)
        guard tablespaces == "0" else {
            throw .runtime(
                "the branch '\(source.targetName)' has tablespaces, which cannot be copied; move its tables out of them"
            )
        }
        try await CopySenders.check(source) { query throws(BranchError) in try await psql(query, on: source) }
        guard let major = try await major(ofDataIn: name(source)), let own = try await engine.image(container.Image)
        else { throw .runtime("the container of the branch '\(source.targetName)' has lost its data or its image") }
        let image = ServerImage(name: container.Config.Image, image: own, major: major)
        var spec = DockerEngine.ContainerSpec(Image: own.Id)
        spec.User = "root"
        spec.Entrypoint = [
            "/bin/sh", "-c",
            // `su` resets PATH, and keeps other variables.
            Self.prepare
                + " && su \(Access.account) -s /bin/sh -c \"PATH='$PATH' pg_basebackup -D /place/copy/pgdata "
                + "-h \(Access.sockets) -p 5432 --checkpoint=fast --wal-method=stream --no-password --progress\"",
        ]
        spec.Env = ["PGUSER=\(source.username)", "PATH=\(image.path)"]
        spec.HostConfig.NetworkMode = "none"
        spec.HostConfig.Binds = ["\(place(server)):/place", "\(volume):\(Access.sockets)"]
        try await engine.runToEnd(helper(server), spec, progress: progress)
        return image
    }

    /// In a container without a network, as the image's own account, with the copy at its server's path.
    private func putRight(_ server: ServerSpec, _ image: ServerImage) async throws(BranchError) -> [String] {
        var spec = DockerEngine.ContainerSpec(Image: image.image.Id)
        spec.User = Access.account
        spec.Entrypoint = ["/bin/sh", "-c", "while :; do sleep 3600; done"]
        spec.Env = ["PATH=\(image.path)"]
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
                    throw .runtime("Docker: \(helper): \(said.suffix(DockerEngine.messageLength))")
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
        // The directory itself belongs to this process: nobody in a container can swap its entries.
        if exists(copy(server)) {
            // Repeated after a crash, each step finds the result of the previous one.
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
}
