import Foundation
import NIOCore
import NIOHTTP1

extension DockerEngine {
    struct Container: Decodable, Sendable {
        struct State: Decodable, Sendable {
            var Running: Bool
            var ExitCode: Int
        }
        struct Settings: Decodable, Sendable {
            /// The name given at the creation of the container.
            var Image: String
        }
        struct Mount: Decodable, Sendable {
            /// Of a volume.
            var Name: String?
            var Destination: String
        }
        var State: State
        /// The id of its image.
        var Image: String
        var Config: Settings
        var Mounts: [Mount]

        /// The name of the volume that is mounted at a path.
        func volume(at path: String) -> String? { Mounts.first { $0.Destination == path }?.Name }
    }

    /// nil when there is no such container.
    func state(of container: String) async throws(BranchError) -> Container.State? {
        try await self.container(container)?.State
    }

    /// nil when there is no such container.
    func container(_ container: String) async throws(BranchError) -> Container? {
        let answer = try await check(
            .GET,
            "/containers/\(container)/json",
            allowing: [404],
            timeout: lookTimeout
        )
        if answer.status == 404 { return nil }
        do {
            return try JSONDecoder().decode(Container.self, from: answer.body)
        } catch {
            throw .runtime("Docker: unexpected response for \(container): \(error)")
        }
    }

    struct ContainerSpec: Encodable, Sendable {
        struct HostConfig: Encodable, Sendable {
            var Binds: [String] = []
            var PortBindings: [String: [[String: String]]] = [:]
            var NetworkMode: String?
            var Memory: Int?
            var NanoCpus: Int?
            var AutoRemove = false
            var CapDrop: [String] = []
            var SecurityOpt: [String] = []

            /// Takes rights that no server of PostgreSQL needs, of those that the engine gives each container: no program
            /// in it, a setuid one included, gains any, and not even its root listens in on the network that branches
            /// share. What an image's entry point needs to become the server's account stays.
            mutating func confine() {
                CapDrop = ["MKNOD", "NET_RAW", "SETFCAP", "SYS_CHROOT"]
                SecurityOpt = ["no-new-privileges:true"]
            }
        }
        struct Endpoint: Encodable, Sendable {
            var Aliases: [String]
        }
        struct NetworkingConfig: Encodable, Sendable {
            var EndpointsConfig: [String: Endpoint]
        }
        var Image: String
        var Entrypoint: [String]?
        var Cmd: [String]?
        var User: String?
        var Env: [String] = []
        var Labels: [String: String] = [:]
        /// Paths of its own volumes, which are removed with it.
        var Volumes: [String: [String: String]] = [:]
        var ExposedPorts: [String: [String: String]] = [:]
        var HostConfig = HostConfig()
        var NetworkingConfig: NetworkingConfig?
    }

    /// Creates a container without starting it; removes one of the same name first.
    func create(_ name: String, _ spec: ContainerSpec) async throws(BranchError) {
        try await remove(name)
        let created = try await check(.POST, "/containers/create?name=\(name)", body: spec, allowing: [404])
        guard created.status != 404 else {
            // The image may have been removed since it was chosen.
            guard try await image(spec.Image) != nil else { throw missingImage(spec.Image) }
            throw .runtime("Docker: \(created.message)")
        }
    }

    func start(_ name: String) async throws(BranchError) { try await check(.POST, "/containers/\(name)/start") }

    /// Creates and starts a container; removes one of the same name first.
    func run(_ name: String, _ spec: ContainerSpec) async throws(BranchError) {
        try await create(name, spec)
        try await start(name)
    }

    /// Stops a container within `seconds`, and removes it. Does nothing if there is none.
    func remove(_ name: String, after seconds: Int = 0) async throws(BranchError) {
        if seconds > 0 { try await check(.POST, "/containers/\(name)/stop?t=\(seconds)", allowing: [404]) }
        try await check(.DELETE, "/containers/\(name)?force=1&v=1", allowing: [404])
    }

    /// Runs a container to its end.
    ///
    /// - Parameter progress: called for each progress line (``CopyProgress``); nil for programs without progress.
    /// - Returns: the end of its output.
    /// - Throws: ``BranchError/runtime(_:)`` with the end of its output when it fails. It keeps running when the task
    ///   is cancelled.
    @discardableResult
    func runToEnd(
        _ name: String,
        _ spec: ContainerSpec,
        progress: (@Sendable (CopyProgress) -> Void)? = nil
    ) async throws(BranchError) -> String {
        try await run(name, spec)
        // Missing progress is not an error.
        if let progress { try? await follow(name, progress) }
        try await check(.POST, "/containers/\(name)/wait", timeout: Self.copyTimeout)
        let state = try await state(of: name)
        let log = try await log(of: name)
        try await remove(name)
        guard let state, state.ExitCode == 0 else { throw .runtime("Docker: \(name): \(log)") }
        return log
    }

    /// Runs a command in a running container.
    ///
    /// - Returns: its exit code and output.
    func execute(
        _ command: [String],
        in container: String,
        user: String? = nil,
        environment: [String] = [],
        timeout: TimeAmount = DockerEngine.timeout
    ) async throws(BranchError) -> (code: Int, output: String) {
        struct Exec: Encodable {
            var AttachStdout = true
            var AttachStderr = true
            var Cmd: [String]
            var Env: [String]
            var User: String?
        }
        struct Created: Decodable { var Id: String }
        struct Start: Encodable { var Detach = false }
        struct Ended: Decodable { var ExitCode: Int? }
        let created = try await check(
            .POST,
            "/containers/\(container)/exec",
            body: Exec(Cmd: command, Env: environment, User: user)
        )
        do {
            let id = try JSONDecoder().decode(Created.self, from: created.body).Id
            let output = try await check(.POST, "/exec/\(id)/start", body: Start(), timeout: timeout)
            let ended = try await check(.GET, "/exec/\(id)/json")
            return (try JSONDecoder().decode(Ended.self, from: ended.body).ExitCode ?? -1, Self.text(output.body))
        } catch let error as BranchError {
            throw error
        } catch {
            throw .runtime("Docker: unexpected response for a command: \(error)")
        }
    }

    /// Limit of a program's output in a message, in characters.
    static let messageLength = 2_000

    /// The end of a container's output on one line, without progress lines.
    func log(of container: String) async throws(BranchError) -> String {
        let answer = try await check(.GET, "/containers/\(container)/logs?stdout=1&stderr=1&tail=12", allowing: [404])
        let lines = Self.text(answer.body).split(separator: "\n").filter { CopyProgress(backupLine: $0) == nil }
        return String(lines.suffix(6).joined(separator: "; ").suffix(Self.messageLength))
    }

    /// Follows a container's progress until it ends.
    private func follow(
        _ container: String,
        _ progress: @Sendable (CopyProgress) -> Void
    ) async throws(BranchError) {
        var (frames, output) = (DockerFrames(), ToolOutput())
        let path = "/containers/\(container)/logs?stdout=0&stderr=1&follow=1"
        try await stream(path, timeout: Self.copyTimeout) { bytes in
            frames.append(bytes)
            while let frame = frames.next() {
                if let told = output.append(frame.readableBytesView) { progress(told) }
            }
        }
    }

    /// The text of a stream of frames.
    static func text(_ stream: Data) -> String {
        var text = Data()
        var frames = DockerFrames()
        frames.append(ByteBuffer(bytes: stream))
        while let frame = frames.next() { text += frame.readableBytesView }
        return String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
