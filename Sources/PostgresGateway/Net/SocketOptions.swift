import GatewayCore
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The socket options of both legs of a session, and the sizes of their buffers.
enum SocketOptions {
    /// A dead peer of an idle session is noticed after idle + count × interval: two minutes.
    ///
    /// TCP_USER_TIMEOUT is left alone on purpose, see `docs/decisions/001-no-tcp-user-timeout.md`.
    private static let keepaliveIdleSeconds: SocketOptionValue = 60
    private static let keepaliveIntervalSeconds: SocketOptionValue = 10
    private static let keepaliveCount: SocketOptionValue = 6
    private static let keepalive: [(ChannelOptions.Types.SocketOption, SocketOptionValue)] = [
        (.init(level: .socket, name: .so_keepalive), 1),
        (.init(level: .tcp, name: .init(rawValue: TCP_KEEPIDLE)), keepaliveIdleSeconds),
        (.init(level: .tcp, name: .init(rawValue: TCP_KEEPINTVL)), keepaliveIntervalSeconds),
        (.init(level: .tcp, name: .init(rawValue: TCP_KEEPCNT)), keepaliveCount),
    ]

    /// What one read may bring, in bytes: two of the records that go to the client in bulk
    /// transfers, and a bound for what NIOSSL's buffers grow to and keep.
    private static let receiveBuffer = AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 2_048, maximum: 32_768)

    /// Connections that may wait to be accepted.
    static let backlog: Int32 = 1_024

    /// - Parameter isIPv6Only: an IPv6 socket takes no IPv4 connections, so that `0.0.0.0` and `::` can
    ///   be listened on side by side. No matter for IPv4.
    static func apply(
        to bootstrap: ServerBootstrap,
        addressFamily: NIOBSDSocket.ProtocolFamily,
        isIPv6Only: Bool
    ) -> ServerBootstrap {
        if addressFamily == .inet6 {
            let onlyIPv6 = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)
            _ = bootstrap.serverChannelOption(onlyIPv6, value: isIPv6Only ? 1 : 0)
        }
        // Accepted sockets inherit those of TCP from the listening one (tcp(7)): set once, not for every client.
        for (option, value) in keepalive {
            _ = bootstrap.serverChannelOption(option, value: value)
        }
        return
            bootstrap
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
    }

    /// Prepares one leg of a session, on its event loop, before it is active.
    ///
    /// Not as options of the bootstrap, which makes a future for each.
    ///
    /// - Throws: `ChannelError` for a channel that is closed already.
    static func prepare(_ channel: any Channel, as side: Side) throws {
        guard let options = channel.syncOptions else { throw ChannelError.inappropriateOperationForState }
        try options.setOption(.allowRemoteHalfClosure, value: true)
        try options.setOption(.recvAllocator, value: receiveBuffer)
        try options.setOption(.maxMessagesPerRead, value: 1)
        if side == .backend {
            for (option, value) in keepalive { try options.setOption(option, value: value) }
        }
    }

    /// For connections to servers. TCP_NODELAY is what every bootstrap of NIO sets.
    static func apply(to bootstrap: ClientBootstrap) -> ClientBootstrap {
        bootstrap.channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try prepare(channel, as: .backend) }
        }
    }
}
