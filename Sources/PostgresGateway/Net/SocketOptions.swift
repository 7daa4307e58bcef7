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
        return
            bootstrap
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.recvAllocator, value: receiveBuffer)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: keepaliveIdleSeconds)
            .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: keepaliveIntervalSeconds)
            .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: keepaliveCount)
    }

    static func apply(to bootstrap: ClientBootstrap) -> ClientBootstrap {
        bootstrap
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.recvAllocator, value: receiveBuffer)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: keepaliveIdleSeconds)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: keepaliveIntervalSeconds)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: keepaliveCount)
    }
}
