import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import TestSupport

/// The API of a `frost up` that runs, as a program of somebody else's talks to it.
struct FrostAPI: Sendable {
    /// `http://127.0.0.1:PORT`.
    let address: String
    let token: String

    struct Answer: Sendable {
        var status: Int
        var body: Data

        func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
            do {
                return try JSONDecoder().decode(type, from: body)
            } catch {
                throw Command.Failure("\(status) \(String(decoding: body, as: UTF8.self)): \(error)")
            }
        }
    }

    struct Named: Decodable, Sendable {
        var id: String
        var name: String
    }

    struct Accepted: Decodable, Sendable {
        var operation: Operation?
        var target: Named?
    }

    struct Operation: Decodable, Sendable {
        var id: String
        var action: String
        var status: String
        var message: String?
    }

    /// - Parameter log: of the `frost up`, which says where its page and API are.
    init(log: String, token: String) throws {
        guard let address = Self.address(in: log) else {
            throw Command.Failure("no address of the API in: \(log)")
        }
        self.address = address
        self.token = token
    }

    /// What a `frost up` has told by now.
    static func address(in log: String) -> String? {
        log.firstMatch(of: /page and API: (\S+)/).map { String($0.1) }
    }

    func send(_ method: HTTPMethod, _ path: String, _ body: String? = nil) async throws -> Answer {
        var request = HTTPClientRequest(url: "\(address)/api/\(path)")
        request.method = method
        request.headers.add(name: "X-Frost-Token", value: token)
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let bytes = try await response.body.collect(upTo: 1_024 * 1_024)
        return Answer(status: Int(response.status.code), body: Data(bytes.readableBytesView))
    }

    /// Begins an operation and waits for its end.
    ///
    /// - Returns: the branch that the operation is about.
    /// - Throws: `Command.Failure` when it is not accepted or does not succeed.
    @discardableResult
    func operate(_ method: HTTPMethod, _ path: String, _ body: String? = nil) async throws -> Named? {
        let answer = try await send(method, path, body)
        guard answer.status == 202 else {
            throw Command.Failure("\(method) \(path): \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
        }
        let accepted = try answer.decode(Accepted.self)
        guard var operation = accepted.operation else { throw Command.Failure("\(method) \(path): no operation") }
        let deadline = ContinuousClock.now + .seconds(120)
        while operation.status == "running" {
            guard ContinuousClock.now < deadline else { throw Command.Failure("\(operation) does not end") }
            operation = try await send(.GET, "operations/\(operation.id)").decode(Operation.self)
        }
        guard operation.status == "succeeded" else { throw Command.Failure("\(operation)") }
        return accepted.target
    }
}
