import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The listeners of a gateway and the loops its connections run on.
package final class GatewayServer: Sendable {
    package let state: GatewayState
    private let group: MultiThreadedEventLoopGroup
    private let listeners: [any Channel]

    private init(state: GatewayState, group: MultiThreadedEventLoopGroup, listeners: [any Channel]) {
        self.state = state
        self.group = group
        self.listeners = listeners
    }

    /// Why a gateway cannot listen.
    package enum ListenError: Error, CustomStringConvertible {
        case portInUse(address: String, port: Int)
        /// The host has no such address, or not this family of addresses.
        case unavailable(address: String, port: Int)
        case other(address: String, port: Int, reason: String)

        package var description: String {
            let variable = GatewayVariable.port
            switch self {
            case .portInUse(let address, let port):
                return "port \(port) on \(address) is in use, most often by a PostgreSQL server of this host; "
                    + "stop what holds it (ss -ltnp 'sport = :\(port)' shows it) "
                    + "or set \(variable.environmentName) (\(variable.flag)) to another port"
            case .unavailable(let address, let port):
                return "cannot listen on port \(port) of \(address): the host does not have this address; "
                    + "check \(GatewayVariable.listenAddresses.environmentName)"
            case .other(let address, let port, let reason):
                return "cannot listen on port \(port) of \(address): \(reason); "
                    + "check \(GatewayVariable.listenAddresses.environmentName) and \(variable.environmentName)"
            }
        }
    }

    /// Starts listening.
    ///
    /// - Throws: ``ListenError``; nothing is left open then.
    package static func start(_ state: GatewayState) async throws -> GatewayServer {
        // A group of its own: nothing else that runs in the process can hold up a relay.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        var listeners: [any Channel] = []
        do {
            let configured = state.configuration.listenAddresses
            if configured.isEmpty {
                listeners.append(try await listenOnAll(state, group: group))
            }
            for address in configured {
                // A port of 0, for tests, is the same one on all addresses.
                let port = listeners.first?.localAddress?.port ?? state.configuration.port
                listeners.append(try await listen(state, on: address, port: port, group: group))
            }
        } catch {
            for listener in listeners { try? await listener.close() }
            try? await group.shutdownGracefully()
            throw error
        }
        return GatewayServer(state: state, group: group, listeners: listeners)
    }

    /// The addresses that are listened on, with the ports the kernel gave.
    package var localAddresses: [String] { listeners.compactMap { $0.localAddress?.displayName } }

    /// The port that is listened on.
    package var port: Int { listeners.first?.localAddress?.port ?? state.configuration.port }

    /// Stops: no new connection, start-ups are refused, sessions go on until they end or the drain
    /// timeout is over; then everything is closed.
    package func stop() async throws {
        state.sessions.startDraining()
        for listener in listeners { try? await listener.close() }
        state.logger.info(
            "stopping: waiting for the open sessions",
            metadata: .init([.sessions: String(state.sessions.count)])
        )
        let loop = group.next()
        let drained = loop.makePromise(of: Void.self)
        let timeout = loop.scheduleTask(in: state.configuration.drainTimeout) { [state] in
            state.sessions.closeAll()
        }
        state.sessions.whenEmpty { drained.succeed() }
        try await drained.futureResult.get()
        timeout.cancel()
        try await group.shutdownGracefully()
    }

    // MARK: Listening

    /// One socket for both families; for IPv4 alone on a host that has no IPv6.
    private static func listenOnAll(
        _ state: GatewayState,
        group: MultiThreadedEventLoopGroup
    ) async throws -> any Channel {
        let port = state.configuration.port
        do {
            return try await listen(state, on: "::", port: port, group: group)
        } catch ListenError.unavailable {
            return try await listen(state, on: "0.0.0.0", port: port, group: group)
        }
    }

    private static func listen(
        _ state: GatewayState,
        on address: String,
        port: Int,
        group: MultiThreadedEventLoopGroup
    ) async throws -> any Channel {
        do {
            return try await SocketOptions.apply(to: ServerBootstrap(group: group))
                .serverChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        // Without the pause, running out of file descriptors would spin the loop.
                        try channel.pipeline.syncOperations.addHandlers([
                            AcceptBackoffHandler(), AcceptHandler(gate: state.handshakes),
                        ])
                    }
                }
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ClientHandler(gateway: state))
                    }
                }
                .bind(to: SocketAddress(ipAddress: address, port: port))
                .get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw ListenError.portInUse(address: address, port: port)
        } catch let error as IOError where [EADDRNOTAVAIL, EAFNOSUPPORT].contains(error.errnoCode) {
            throw ListenError.unavailable(address: address, port: port)
        } catch {
            throw ListenError.other(address: address, port: port, reason: "\(error)")
        }
    }
}
