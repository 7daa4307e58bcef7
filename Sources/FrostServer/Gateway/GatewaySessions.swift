import AsyncHTTPClient
import BranchManager
import Foundation
import NIOCore
import NIOHTTP1

/// Who is connected through the gateway, by branch: read from its metrics.
actor GatewaySessions {
    /// How long an answer is good, so that many pages ask once.
    private static let lifetime = Duration.seconds(1)
    private static let timeout = TimeAmount.seconds(2)
    private static let maximumBody = 16 * 1_024 * 1_024
    private static let metric = "postgres_gateway_connections_active"

    private let url: String?
    private let store: BranchStore
    private var last: (at: ContinuousClock.Instant, counts: [String: Int]?)?

    /// - Parameter admin: the gateway's admin address, `host:port`; nil where none is known of.
    init(admin: String?, store: BranchStore) {
        url = admin.map { "http://\($0)/metrics" }
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
            return Self.counts(in: String(buffer: body))
        } catch {
            return nil
        }
    }

    /// The counts in a text as Prometheus reads it: `name{target="…"} value`, one a line.
    static func counts(in text: String) -> [String: Int] {
        var counts: [String: Int] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("\(metric){target=\"") {
            let rest = line.dropFirst(metric.count + 9)
            guard let end = rest.firstIndex(of: "\""), let space = line.lastIndex(of: " "),
                let count = Int(line[line.index(after: space)...])
            else { continue }
            counts[String(rest[..<end]), default: 0] += count
        }
        return counts
    }
}
