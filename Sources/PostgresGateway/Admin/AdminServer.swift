import Dispatch
import Foundation
import GatewayContract
package import NIOCore
import NIOHTTP1
import NIOPosix

/// The operator's side: the paths of ``AdminPath`` over HTTP, on an address and a thread of its own.
///
/// So it answers when the gateway's own loops do not.
package final class AdminServer: Sendable {
    /// Connections open at a time; beyond, one that has asked nothing makes room.
    static let maximumConnections = 64

    private let group: MultiThreadedEventLoopGroup
    private let listener: Listener
    /// For work that blocks: one at a time.
    private let files: DispatchQueue

    private init(group: MultiThreadedEventLoopGroup, listener: Listener, files: DispatchQueue) {
        self.group = group
        self.listener = listener
        self.files = files
    }

    /// Starts listening.
    ///
    /// - Throws: ``ListenError``; nothing is left open then.
    package static func start(for gateway: GatewayServer) async throws -> AdminServer {
        try await start(at: gateway.configuration.adminAddress, AdminServices(of: gateway))
    }

    /// Starts listening.
    ///
    /// - Throws: ``ListenError``; nothing is left open then.
    package static func start(at address: AdminAddress, _ services: AdminServices) async throws -> AdminServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let files = DispatchQueue(label: "admin")
        do {
            // One thread: the listener and all that it accepts are on one loop.
            let loop = group.next()
            let connections = try await loop.submit {
                NIOLoopBound(AdminConnections(maximum: maximumConnections), eventLoop: loop)
            }.get()
            // Sessions continue without the admin address, so retry indefinitely.
            let listener = try await Listener.open(reopenTimeout: nil) { port in
                try await bind(address, port: port, services, connections: connections, files: files, on: group)
            } notify: { event in
                switch event {
                case .lost(let reason): services.listenerLost(reason)
                case .reopened: services.listenerLost(nil)
                case .gaveUp(let error): services.listenerLost("\(error)")
                }
            }
            return AdminServer(group: group, listener: listener, files: files)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// - Parameter port: the one that the kernel gave before; nil at first.
    /// - Throws: ``ListenError``.
    private static func bind(
        _ address: AdminAddress,
        port: Int?,
        _ services: AdminServices,
        connections: NIOLoopBound<AdminConnections>,
        files: DispatchQueue,
        on group: MultiThreadedEventLoopGroup
    ) async throws -> any Channel {
        let hosts = AdminHosts(listeningOn: address)
        do {
            var socketAddress = try address.socketAddress
            if let port { socketAddress.port = port }
            return try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            AdminAcceptHandler(connections: connections.value, onFailure: services.acceptFailed)
                        )
                    }
                }
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let connections = connections.value
                        guard let number = connections.add(channel) else { throw ChannelError.inputClosed }
                        let limit = AdminRequestLimit()
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.addHandler(limit)
                        try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                        try pipeline.addHandler(
                            AdminHandler(services, hosts: hosts, files: files) {
                                connections.noteRequest(number)
                                limit.noteRequest()
                            }
                        )
                    }
                }
                .bind(to: socketAddress)
                .get()
        } catch {
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

    /// The socket it listens with, for tests that let it die.
    package var listeningChannel: (any Channel)? { listener.channel }

    /// The loop it runs on, which is none of the gateway's.
    package var eventLoop: any EventLoop { group.next() }

    package func stop() async throws {
        await listener.close()
        // An answer that is being made comes on the loop.
        await withCheckedContinuation { done in files.async { done.resume() } }
        try await group.shutdownGracefully()
    }
}
