import GatewayContract
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// A listener died and could not be opened again: the gateway is of no use any more.
package struct ListenerLost: Error, CustomStringConvertible {
    let cause: ListenError

    package var description: String { "the listener was lost and could not be opened again: \(cause)" }
}

/// One listening address, which is opened again when its socket dies.
///
/// NIO closes a listener when accept(2) fails with anything but exhaustion (`SocketChannel.swift`), which is
/// rare (a security module, a network that goes down) and silent: nobody would ever connect again.
final class Listener: Sendable {
    /// What the listener tells its owner.
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

    private let patience: TimeAmount?
    private let bind: @Sendable (_ port: Int?) async throws -> any Channel
    private let tell: @Sendable (Event) -> Void
    private let state = Mutex(State())

    /// Opens it.
    ///
    /// - Parameters:
    ///   - patience: how long it is tried to open it again; nil for as long as it takes.
    ///   - bind: makes the socket; the port is nil at first and then the one that the kernel gave.
    ///   - tell: called from any thread.
    static func open(
        patience: TimeAmount?,
        bind: @escaping @Sendable (_ port: Int?) async throws -> any Channel,
        tell: @escaping @Sendable (Event) -> Void
    ) async throws -> Listener {
        let listener = Listener(patience: patience, bind: bind, tell: tell)
        listener.watch(try await bind(nil))
        return listener
    }

    private init(
        patience: TimeAmount?,
        bind: @escaping @Sendable (_ port: Int?) async throws -> any Channel,
        tell: @escaping @Sendable (Event) -> Void
    ) {
        self.patience = patience
        self.bind = bind
        self.tell = tell
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
            tell(.lost("its socket was closed"))
            Task { await reopen(port: port) }
        }
    }

    private func reopen(port: Int?) async {
        let end = patience.map { .now() + $0 } ?? NIODeadline.distantFuture
        var pause = Self.firstPause
        while !state.withLock({ $0.isClosed }) {
            do {
                let channel = try await bind(port)
                guard !state.withLock({ $0.isClosed }) else {
                    try? await channel.close()
                    return
                }
                watch(channel)
                return tell(.reopened)
            } catch let error as ListenError where .now() + pause > end {
                return tell(.gaveUp(error))
            } catch {
                try? await Task.sleep(for: .nanoseconds(pause.nanoseconds))
                pause = min(pause * 2, Self.longestPause)
            }
        }
    }
}
