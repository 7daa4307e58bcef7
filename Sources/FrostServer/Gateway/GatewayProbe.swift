import AsyncHTTPClient
import Foundation
import GatewayContract
import NIOCore
import NIOHTTP1

/// Queries a gateway's state at its admin address.
struct GatewayProbe: Sendable {
    enum Finding: Hashable, Sendable {
        /// Empty if it is ready.
        case answers(GatewayAnswer, [GatewayReason])
        case unreachable
        case hung
        case stranger
        case unseen
    }

    let place: GatewayPlace
    /// For all requests together.
    let timeout: Duration

    /// Limit of an answer, in bytes: one line for each session.
    private static let maximumBody = 16 * 1_024 * 1_024

    /// Does not retry a refused connection, since the next query is soon, and does not follow redirects to other
    /// addresses.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    func ask() async -> Finding {
        guard place.isKnown else { return .unseen }
        return await withinTimeout { await exchange() } ?? .hung
    }

    /// The result of some requests; nil when ``timeout`` is over first. The client's own limit ends with the head of a
    /// response.
    func withinTimeout<Value: Sendable>(_ requests: @escaping @Sendable () async -> Value) async -> Value? {
        await withTaskGroup(of: Value?.self) { group in
            group.addTask { await requests() }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return nil
            }
            let first = await group.next()
            group.cancelAll()
            return first ?? nil
        }
    }

    private func exchange() async -> Finding {
        do {
            let (readinessStatus, readinessBody) = try await get(.readiness)
            guard let readiness = Self.readiness(readinessStatus, readinessBody) else { return .stranger }
            let (sessionsStatus, sessionsBody) = try await get(.sessions)
            guard let answer = Self.answer(sessionsStatus, sessionsBody) else { return .stranger }
            return .answers(answer, readiness)
        } catch {
            return Self.finding(error)
        }
    }

    func get(_ path: AdminPath) async throws -> (status: UInt, body: Data) {
        let limit = TimeAmount(timeout)
        let response = try await Self.client.execute(HTTPClientRequest(url: place.url(path)), timeout: limit)
        let body = try await response.body.collect(upTo: Self.maximumBody)
        return (response.status.code, Data(body.readableBytesView))
    }

    /// The answer of ``AdminPath/readiness``.
    private struct Readiness: Decodable {
        enum Status: String, Decodable {
            case ready
            case notReady = "not_ready"
        }

        var status: Status
        var reasons: [GatewayReason]
    }

    /// Why it is not ready, empty if it is; nil if the answer is not a gateway's.
    static func readiness(_ status: UInt, _ body: Data) -> [GatewayReason]? {
        guard let readiness = try? JSONDecoder().decode(Readiness.self, from: body) else { return nil }
        return switch (status, readiness.status) {
        case (200, .ready): []
        case (503, .notReady) where !readiness.reasons.isEmpty: readiness.reasons
        default: nil
        }
    }

    /// nil if the answer is not a gateway's.
    static func answer(_ status: UInt, _ body: Data) -> GatewayAnswer? {
        guard status == 200 else { return nil }
        return (try? JSONDecoder().decode(SessionsDocument.self, from: body)).map(GatewayAnswer.init)
    }

    /// The finding for a request without an answer.
    private static let silences: [HTTPClientError] = [
        .deadlineExceeded, .readTimeout, .connectTimeout, .getConnectionFromPoolTimeout, .remoteConnectionClosed,
        .cancelled,
    ]

    private static func finding(_ error: any Error) -> Finding {
        switch error {
        case let error as HTTPClientError where silences.contains(error): .hung
        case is CancellationError, is ChannelError, HTTPParserError.invalidEOFState: .hung
        // A connection that was accepted and then closed early.
        case let error as IOError where [ECONNRESET, EPIPE].contains(error.errnoCode): .hung
        case let error as HTTPClientError where error == .invalidURL || error == .emptyHost: .unseen
        case is HTTPClientError, is HTTPParserError, is NIOTooManyBytesError: .stranger
        default: .unreachable
        }
    }
}
