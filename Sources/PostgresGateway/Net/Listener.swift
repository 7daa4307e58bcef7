import GatewayContract
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// A listening socket was lost and could not be reopened: the gateway can no longer serve.
package struct ListenerLost: Error, CustomStringConvertible {
    let cause: ListenError

    package var description: String { "the listening socket was lost and could not be reopened: \(cause)" }
}

/// One listening address; reopened if its socket is lost.
///
/// NIO closes a listener when accept(2) fails with anything but exhaustion (`SocketChannel.swift`), which is
/// rare (a security module, a network that goes down) and silent: no client could connect again.
final class Listener: Sendable {
    /// Events that the listener reports to its owner.
    enum Event: Sendable {
        /// It is not open now, and why.
        case lost(String)
        case reopened
        /// It could not be opened again in time.
        case gaveUp(ListenError)
    }

    private static let firstPause = TimeAmount.milliseconds(100)
    private static let longestPause = TimeAmount.seconds(2)

    private struct State {
        var channel: (any Channel)?
        var isClosed = false
    }

    private let reopenTimeout: TimeAmount?
    private let bind: @Sendable (_ port: Int?) async throws -> any Channel
    private let notify: @Sendable (Event) -> Void
    private let state = Mutex(State())

    /// Opens it.
    ///
    /// - Parameters:
    ///   - reopenTimeout: how long to try to reopen it; nil to try indefinitely.
    ///   - bind: makes the socket; the port is nil at first and then the one that the kernel gave.
    ///   - notify: called from any thread.
    static func open(
        reopenTimeout: TimeAmount?,
        bind: @escaping @Sendable (_ port: Int?) async throws -> any Channel,
        notify: @escaping @Sendable (Event) -> Void
    ) async throws -> Listener {
        let listener = Listener(reopenTimeout: reopenTimeout, bind: bind, notify: notify)
        listener.watch(try await bind(nil))
        return listener
    }

    private init(
        reopenTimeout: TimeAmount?,
        bind: @escaping @Sendable (_ port: Int?) async throws -> any Channel,
        notify: @escaping @Sendable (Event) -> Void
    ) {
        self.reopenTimeout = reopenTimeout
        self.bind = bind
        self.notify = notify
    }

    var localAddress: SocketAddress? { state.withLock { $0.channel?.localAddress } }

    /// The socket, for tests that let it die.
    var channel: (any Channel)? { state.withLock { $0.channel } }

    func close() async {
        let channel = state.withLock { state in
            state.isClosed = true
            return state.channel
        }
        try? await channel?.close()
    }

    private func watch(_ channel: any Channel) {
        let port = channel.localAddress?.port
        state.withLock { $0.channel = channel }
        channel.closeFuture.whenComplete { [self] _ in
            guard !state.withLock({ $0.isClosed }) else { return }
            notify(.lost("its socket was closed"))
            Task { await reopen(port: port) }
        }
    }

    private func reopen(port: Int?) async {
        let end = reopenTimeout.map { .now() + $0 } ?? NIODeadline.distantFuture
        var pause = Self.firstPause
        while !state.withLock({ $0.isClosed }) {
            do {
                let channel = try await bind(port)
                guard !state.withLock({ $0.isClosed }) else {
                    try? await channel.close()
                    return
                }
                watch(channel)
                return notify(.reopened)
            } catch let error as ListenError where .now() + pause > end {
                return notify(.gaveUp(error))
            } catch {
                try? await Task.sleep(for: .nanoseconds(pause.nanoseconds))
                pause = min(pause * 2, Self.longestPause)
            }
        }
    }
}
