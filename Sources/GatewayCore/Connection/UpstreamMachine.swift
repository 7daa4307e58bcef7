package import NIOCore
package import PostgresWire
package import RouteMap

/// The start-up of a backend's leg, from the StartupMessage to the first ReadyForQuery.
///
/// It reads along to learn what the gateway must know: the cancel key, whether the login succeeded or
/// failed, and where a message ends, which is where an ErrorResponse of the gateway's own may stand.
/// Pure, like ``ConnectionMachine``.
package struct UpstreamMachine: Sendable {
    package enum Action: Hashable, Sendable {
        /// Keep this key for CancelRequests, before the client has it.
        case learn(CancelKey)
        /// AuthenticationOk: the server knows the client.
        case authenticated
        /// The server did not let the client in (28P01 or 28000).
        case loginFailed
        /// ReadyForQuery: the session has begun.
        case ready
    }

    private let route: Route
    private var scanner = BackendStartupScanner()
    private var hasSaidAnything = false
    private var isAuthenticated = false
    private var isReady = false
    private var isEnded = false

    package init(route: Route) {
        self.route = route
    }

    /// Whether there is nothing more to learn.
    package var isFinished: Bool { isReady || isEnded }

    /// Bytes from the server; they are relayed regardless of the result.
    package mutating func received(_ bytes: ByteBuffer) -> [Action] {
        hasSaidAnything = hasSaidAnything || bytes.readableBytes > 0
        return scanner.observe(bytes).flatMap { finding -> [Action] in
            switch finding {
            case .key(let key):
                return [.learn(key)]
            case .authenticationOk:
                return authenticated()
            case .error(.invalidPassword), .error(.invalidAuthorization):
                return isAuthenticated ? [] : [.loginFailed]
            case .error:
                return []
            case .readyForQuery:
                isReady = true
                return authenticated() + [.ready]
            }
        }
    }

    private mutating func authenticated() -> [Action] {
        guard !isAuthenticated else { return [] }
        isAuthenticated = true
        return [.authenticated]
    }

    /// The server closed its side.
    ///
    /// - Returns: the refusal to send to the client, once. A server that accepted and closed without a byte, as a port
    ///   forwarder in front of a stopped container does, is one that refused to be dialled.
    package mutating func closed() -> Refusal? {
        guard !hasSaidAnything, !isEnded else { return nil }
        return end(with: .backendUnavailable(route))
    }

    /// The time from the dial to AuthenticationOk is over.
    ///
    /// - Returns: the refusal to send to the client; nil when the session has authenticated, or when the server
    ///   stopped in the middle of a message. ``isUnauthenticated`` distinguishes the two.
    package mutating func authenticationTimedOut() -> Refusal? {
        isUnauthenticated ? end(with: .authenticationTimeout(route)) : nil
    }

    /// Another session has got the permits of this one, which had not authenticated. It ends even if it has since.
    ///
    /// - Returns: the refusal to send to the client; nil when the session has begun, or when the server stopped in the
    ///   middle of a message.
    package mutating func evicted(_ limit: Limit) -> Refusal? {
        isFinished ? nil : end(with: .limitReached(limit, route))
    }

    package var isUnauthenticated: Bool { !isAuthenticated && !isEnded }

    private mutating func end(with refusal: Refusal) -> Refusal? {
        isEnded = true
        return scanner.isBetweenMessages ? refusal : nil
    }
}
