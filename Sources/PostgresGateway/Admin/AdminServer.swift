import Foundation
import GatewayContract
package import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The operator's side: `/healthz` and `/readyz` over HTTP, on an address and a thread of its own.
///
/// So it answers when the gateway's own loops do not.
package final class AdminServer: Sendable {
    /// Connections open at a time; the ones beyond are closed at once.
    static let maximumConnections = 64
    /// From accept to close, whatever the client does.
    static let connectionTimeout = TimeAmount.seconds(10)

    private let group: MultiThreadedEventLoopGroup
    private let listener: any Channel

    private init(group: MultiThreadedEventLoopGroup, listener: any Channel) {
        self.group = group
        self.listener = listener
    }

    /// Starts listening.
    ///
    /// - Throws: ``ListenError``; nothing is left open then.
    package static func start(for gateway: GatewayServer) async throws -> AdminServer {
        let address = gateway.state.configuration.adminAddress
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let connections = AdminConnections(maximum: maximumConnections)
        do {
            let listener = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pause = AcceptPauseHandler(failures: gateway.state.acceptFailures)
                        try channel.pipeline.syncOperations.addHandler(pause)
                    }
                }
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard connections.add(channel) else { throw ChannelError.inputClosed }
                        try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                        try channel.pipeline.syncOperations.addHandler(AdminHandler(gateway: gateway))
                    }
                }
                .bind(to: try address.socketAddress)
                .get()
            return AdminServer(group: group, listener: listener)
        } catch {
            try? await group.shutdownGracefully()
            throw ListenError(
                error,
                address: address.host,
                port: address.port,
                portVariable: .adminAddress,
                addressVariable: .adminAddress
            )
        }
    }

    /// Where it listens, with the port the kernel gave.
    package var address: AdminAddress? { listener.localAddress.flatMap(AdminAddress.init) }

    /// The loop it runs on, which is none of the gateway's.
    package var eventLoop: any EventLoop { listener.eventLoop }

    package func stop() async throws {
        try? await listener.close()
        try await group.shutdownGracefully()
    }
}

/// How many connections the admin address has open.
private final class AdminConnections: Sendable {
    private let maximum: Int
    private let open = Mutex(0)

    init(maximum: Int) {
        self.maximum = maximum
    }

    /// Enters a connection until it is closed; false when there are too many.
    func add(_ channel: any Channel) -> Bool {
        let isAdmitted = open.withLock { open in
            guard open < maximum else { return false }
            open += 1
            return true
        }
        if isAdmitted {
            channel.closeFuture.whenComplete { [self] _ in open.withLock { $0 -= 1 } }
        }
        return isAdmitted
    }
}
