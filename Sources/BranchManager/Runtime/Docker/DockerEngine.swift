import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// The Docker Engine of this host, over its socket (Engine API 1.41 and newer).
struct DockerEngine: Sendable {
    private static let version = "v1.41"
    /// Limit of responses, which are small; only pulling an image takes long.
    static let timeout = TimeAmount.minutes(10)
    /// No time limit, for copies.
    static let copyTimeout = TimeAmount.hours(7 * 24)
    static let maximumBody = 16 * 1_024 * 1_024

    /// For the life of the program. A missing engine is reported at once, without retries.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(10)
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    let socket: String
    /// For short requests, and to check whether the engine is available.
    let lookTimeout: TimeAmount
    let hint: CommandHint
    private let liveness = DockerLiveness()

    init(socket: String, lookTimeout: Duration, hint: CommandHint) {
        self.hint = hint
        self.socket = socket
        self.lookTimeout = TimeAmount(lookTimeout)
    }

    struct Answer: Sendable {
        var status: Int
        var body: Data

        var isSuccess: Bool { (200..<300).contains(status) || status == 304 }

        /// The engine's error message.
        var message: String {
            struct Fault: Decodable { var message: String }
            return (try? JSONDecoder().decode(Fault.self, from: body).message) ?? "status \(status)"
        }
    }

    /// The body of a request.
    struct Content: Sendable {
        var type: String
        var bytes: ByteBuffer
    }

    /// - Throws: ``BranchError/runtime(_:)`` when the engine does not answer. A short request before a long one detects
    ///   an engine that accepts connections but does not answer.
    func request(
        _ method: HTTPMethod,
        _ path: String,
        body: (some Encodable)? = Data?.none,
        timeout: TimeAmount = DockerEngine.timeout
    ) async throws(BranchError) -> Answer {
        guard let body else { return try await send(method, path, nil, timeout: timeout) }
        let json: Data
        do {
            json = try JSONEncoder().encode(body)
        } catch {
            throw .runtime("Docker: could not encode the request: \(error)")
        }
        let content = Content(type: "application/json", bytes: ByteBuffer(bytes: json))
        return try await send(method, path, content, timeout: timeout)
    }

    /// - Parameter limit: of the answer, in bytes.
    func send(
        _ method: HTTPMethod,
        _ path: String,
        _ content: Content?,
        timeout: TimeAmount = DockerEngine.timeout,
        atMost limit: Int = DockerEngine.maximumBody
    ) async throws(BranchError) -> Answer {
        try await liveness.check { () async throws(BranchError) in
            _ = try await ask(.GET, "/_ping", nil, timeout: lookTimeout, atMost: Self.maximumBody)
        }
        return try await ask(method, path, content, timeout: timeout, atMost: limit)
    }

    /// Reads a streaming response.
    ///
    /// - Throws: ``BranchError/runtime(_:)``, also for an error status.
    func stream(
        _ path: String,
        timeout: TimeAmount,
        _ take: (ByteBuffer) -> Void
    ) async throws(BranchError) {
        try await answer(.GET, path, nil, timeout: timeout) { response in
            guard (200..<300).contains(response.status.code) else {
                throw BranchError.runtime("Docker: status \(response.status.code)")
            }
            for try await bytes in response.body { take(bytes) }
        }
    }

    private func ask(
        _ method: HTTPMethod,
        _ path: String,
        _ content: Content?,
        timeout: TimeAmount,
        atMost limit: Int
    ) async throws(BranchError) -> Answer {
        try await answer(method, path, content, timeout: timeout) { response in
            do {
                let bytes = try await response.body.collect(upTo: limit)
                return Answer(status: Int(response.status.code), body: Data(bytes.readableBytesView))
            } catch is NIOTooManyBytesError {
                throw BranchError.runtime("Docker: the response to \(path) is larger than \(limit) bytes")
            }
        }
    }

    private func answer<Value>(
        _ method: HTTPMethod,
        _ path: String,
        _ content: Content?,
        timeout: TimeAmount,
        _ read: (HTTPClientResponse) async throws -> Value
    ) async throws(BranchError) -> Value {
        guard let url = URL(httpURLWithSocketPath: socket, uri: "/\(Self.version)\(path)") else {
            throw .runtime("'\(socket)' is not the path of a Docker socket")
        }
        do {
            var request = HTTPClientRequest(url: url.absoluteString)
            request.method = method
            // The client would put the socket's path here, which is not a valid host.
            request.headers.add(name: "Host", value: "docker")
            if let content {
                request.headers.add(name: "Content-Type", value: content.type)
                request.body = .bytes(content.bytes)
            }
            return try await read(Self.client.execute(request, timeout: timeout))
        } catch let error as BranchError {
            throw error
        } catch {
            throw Self.fault(error, socket: socket)
        }
    }

    /// A request that must succeed.
    ///
    /// - Parameter allowed: further statuses that are not failures, besides 2xx.
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
}
