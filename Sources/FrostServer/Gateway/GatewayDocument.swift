import AsyncHTTPClient
import Foundation
import GatewayContract
import NIOCore
import NIOHTTP1

/// What the gateway answers at ``AdminPath/sessions``, asked once.
enum GatewayDocument {
    private static let timeout = TimeAmount.seconds(2)
    private static let maximumBody = 16 * 1_024 * 1_024

    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// - Parameter admin: the gateway's admin address, `host:port`; nil where none is known of.
    /// - Returns: nil when it does not answer.
    static func ask(_ admin: String?) async -> SessionsDocument? {
        guard let admin else { return nil }
        do {
            let request = HTTPClientRequest(url: "http://\(admin)\(AdminPath.sessions.rawValue)")
            let response = try await client.execute(request, timeout: timeout)
            guard response.status.code == 200 else { return nil }
            let body = try await response.body.collect(upTo: maximumBody)
            return try JSONDecoder().decode(SessionsDocument.self, from: Data(body.readableBytesView))
        } catch {
            return nil
        }
    }
}
