import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// The Docker Engine of this host, over its socket (Engine API 1.41 and newer).
struct DockerEngine: Sendable {
    private static let version = "v1.41"
    /// Answers of the engine are small; pulling an image is what takes long.
    static let timeout = TimeAmount.minutes(10)
    /// Copies take as long as they take.
    static let copyTimeout = TimeAmount.hours(7 * 24)
    /// For looks that others wait for.
    static let lookTimeout = TimeAmount.seconds(10)
    private static let maximumBody = 16 * 1_024 * 1_024

    /// For the life of the program. An engine that is not there is told at once, not asked again and again.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(10)
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    let socket: String
    private let liveness = DockerLiveness()

    init(socket: String) { self.socket = socket }

    struct Answer: Sendable {
        var status: Int
        var body: Data

        var isSuccess: Bool { (200..<300).contains(status) || status == 304 }

        /// What the engine says is wrong.
        var message: String {
            struct Fault: Decodable { var message: String }
            return (try? JSONDecoder().decode(Fault.self, from: body).message) ?? "status \(status)"
        }
    }

    /// - Throws: ``BranchError/runtime(_:)`` when the engine does not answer. One that takes connections and answers
    ///   nothing is found out by a short question before a long one.
    func request(
        _ method: HTTPMethod,
        _ path: String,
        body: (some Encodable)? = Data?.none,
        timeout: TimeAmount = DockerEngine.timeout
    ) async throws(BranchError) -> Answer {
        try await liveness.check { () async throws(BranchError) in
            _ = try await ask(.GET, "/_ping", body: Data?.none, timeout: DockerLiveness.patience)
        }
        return try await ask(method, path, body: body, timeout: timeout)
    }

    private func ask(
        _ method: HTTPMethod,
        _ path: String,
        body: (some Encodable)?,
        timeout: TimeAmount
    ) async throws(BranchError) -> Answer {
        guard let url = URL(httpURLWithSocketPath: socket, uri: "/\(Self.version)\(path)") else {
            throw .runtime("'\(socket)' is no path of a Docker socket")
        }
        do {
            var request = HTTPClientRequest(url: url.absoluteString)
            request.method = method
            // The path of a socket, which would stand here, is no host.
            request.headers.add(name: "Host", value: "docker")
            if let body {
                request.headers.add(name: "Content-Type", value: "application/json")
                request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
            }
            let response = try await Self.client.execute(request, timeout: timeout)
            let bytes = try await response.body.collect(upTo: Self.maximumBody)
            return Answer(status: Int(response.status.code), body: Data(bytes.readableBytesView))
        } catch {
            throw Self.fault(error, socket: socket)
        }
    }

    /// A request that has to succeed.
    ///
    /// - Parameter allowed: statuses that are no failure, beside those of 200 and up.
    @discardableResult
    func check(
        _ method: HTTPMethod,
        _ path: String,
        body: (some Encodable)? = Data?.none,
        allowing allowed: Set<Int> = [],
        timeout: TimeAmount = DockerEngine.timeout
    ) async throws(BranchError) -> Answer {
        let answer = try await request(method, path, body: body, timeout: timeout)
        guard answer.isSuccess || allowed.contains(answer.status) else {
            throw .runtime("Docker: \(answer.message)")
        }
        return answer
    }

    // MARK: Containers

    struct ContainerState: Decodable, Sendable {
        struct State: Decodable, Sendable {
            var Running: Bool
            var ExitCode: Int
        }
        var State: State
    }

    /// nil when there is no such container.
    func state(of container: String) async throws(BranchError) -> ContainerState.State? {
        let answer = try await check(
            .GET,
            "/containers/\(container)/json",
            allowing: [404],
            timeout: Self.lookTimeout
        )
        if answer.status == 404 { return nil }
        do {
            return try JSONDecoder().decode(ContainerState.self, from: answer.body).State
        } catch {
            throw .runtime("Docker: what it says of \(container) is not understood: \(error)")
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
        var ExposedPorts: [String: [String: String]] = [:]
        var HostConfig = HostConfig()
        var NetworkingConfig: NetworkingConfig?
    }

    /// Makes a container and starts it; one of the same name is removed first.
    func run(_ name: String, _ spec: ContainerSpec) async throws(BranchError) {
        try await remove(name)
        let created = try await check(.POST, "/containers/create?name=\(name)", body: spec, allowing: [404])
        guard created.status != 404 else {
            let isImage = created.message.contains("No such image")
            let next = "; get it: docker pull \(spec.Image), or name another: frost settings --postgres-image IMAGE"
            throw .runtime("Docker: \(created.message)\(isImage ? next : "")")
        }
        try await check(.POST, "/containers/\(name)/start")
    }

    /// Stops a container, which gets `seconds` for it, and removes it. Nothing happens when there is none.
    func remove(_ name: String, after seconds: Int = 0) async throws(BranchError) {
        if seconds > 0 { try await check(.POST, "/containers/\(name)/stop?t=\(seconds)", allowing: [404]) }
        try await check(.DELETE, "/containers/\(name)?force=1&v=1", allowing: [404])
    }

    /// Runs a container to its end.
    ///
    /// - Throws: ``BranchError/runtime(_:)`` with the end of what it printed when it fails.
    func runToEnd(_ name: String, _ spec: ContainerSpec) async throws(BranchError) {
        try await run(name, spec)
        try await check(.POST, "/containers/\(name)/wait", timeout: Self.copyTimeout)
        let state = try await state(of: name)
        let log = try await log(of: name)
        try await remove(name)
        guard let state, state.ExitCode == 0 else { throw .runtime("Docker: \(name): \(log)") }
    }

    /// Runs a command in a container that runs.
    ///
    /// - Returns: its exit code, and what it printed.
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
            throw .runtime("Docker: what it says of a command is not understood: \(error)")
        }
    }

    /// The end of what a container has printed.
    func log(of container: String) async throws(BranchError) -> String {
        let answer = try await check(.GET, "/containers/\(container)/logs?stdout=1&stderr=1&tail=6", allowing: [404])
        return Self.text(answer.body).replacing("\n", with: "; ")
    }

    private struct Network: Decodable {
        var Id: String
        var Created: String
    }

    /// Makes a network, if there is none of this name.
    ///
    /// The engine lets several of one name be made at the same time. All who do agree on the oldest,
    /// and remove what they have made beside it.
    ///
    /// - Returns: its id.
    func makeNetwork(_ name: String) async throws(BranchError) -> String {
        struct Creation: Encodable {
            var Name: String
            var Labels = ["frost.managed": "true"]
        }
        struct Created: Decodable { var Id: String }
        if let id = try await oldestNetwork(name) { return id }
        let answer = try await check(.POST, "/networks/create", body: Creation(Name: name))
        let made = try? JSONDecoder().decode(Created.self, from: answer.body).Id
        guard let made, let oldest = try await oldestNetwork(name) else {
            throw .runtime("Docker: the network \(name) was made and is not there")
        }
        if oldest != made { _ = try await request(.DELETE, "/networks/\(made)") }
        return oldest
    }

    private func oldestNetwork(_ name: String) async throws(BranchError) -> String? {
        let answer = try await check(.GET, "/networks?filters=%7B%22name%22%3A%5B%22%5E\(name)%24%22%5D%7D")
        do {
            return try JSONDecoder().decode([Network].self, from: answer.body).min {
                ($0.Created, $0.Id) < ($1.Created, $1.Id)
            }?.Id
        } catch {
            throw .runtime("Docker: what it says of networks is not understood: \(error)")
        }
    }

    /// The text of a stream of frames: a byte for the stream, three of nothing, four for the length (Engine API, "Stream format").
    private static func text(_ stream: Data) -> String {
        var text = Data()
        var rest = ByteBuffer(bytes: stream)
        while let (kind, _, _, _, length) = rest.readMultipleIntegers(as: (UInt8, UInt8, UInt8, UInt8, UInt32).self),
            kind <= 2, let part = rest.readBytes(length: Int(length))
        {
            text += part
        }
        return String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
