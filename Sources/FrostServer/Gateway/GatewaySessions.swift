import AsyncHTTPClient
import BranchManager
import Foundation
import GatewayContract
import NIOCore
import NIOHTTP1

/// Who is connected through the gateway, by branch: asked at its admin address.
actor GatewaySessions {
    /// How long an answer is good, so that many pages ask once.
    private static let lifetime = Duration.seconds(1)
    private static let timeout = TimeAmount.seconds(2)
    private static let maximumBody = 16 * 1_024 * 1_024

    private let url: String?
    private let store: BranchStore
    private var last: (at: ContinuousClock.Instant, counts: [String: Int]?)?

    /// - Parameter admin: the gateway's admin address, `host:port`; nil where none is known of.
    init(admin: String?, store: BranchStore) {
        url = admin.map { "http://\($0)\(AdminPath.sessions.rawValue)" }
        self.store = store
    }

    /// One that does not listen has not been waited for: it is asked again soon enough.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Sessions by the branch's id; nil when the gateway does not answer, and when there is to be none.
    func counts() async -> [String: Int]? {
        guard (try? store.isGatewayEnabled()) == true else { return nil }
        if let last, ContinuousClock.now - last.at < Self.lifetime { return last.counts }
        let counts = await ask()
        last = (ContinuousClock.now, counts)
        return counts
    }

    private func ask() async -> [String: Int]? {
        guard let url else { return nil }
        do {
            let response = try await Self.client.execute(HTTPClientRequest(url: url), timeout: Self.timeout)
            guard response.status.code == 200 else { return nil }
            let body = try await response.body.collect(upTo: Self.maximumBody)
            return Self.counts(in: body)
        } catch {
            return nil
        }
    }

    /// Sessions by the branch's id, of what the gateway answers at ``AdminPath/sessions``; nil for what is no such document.
    static func counts(in body: ByteBuffer) -> [String: Int]? {
        guard let document = try? JSONDecoder().decode(SessionsDocument.self, from: Data(body.readableBytesView)) else {
            return nil
        }
        return Dictionary(document.targets.map { ($0.id, $0.count) }) { $0 + $1 }
    }
}
