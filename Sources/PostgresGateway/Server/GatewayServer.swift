import GatewayContract
import Logging
package import NIOCore
import NIOPosix
import Synchronization

/// The listeners of a gateway and the loops its connections run on.
package final class GatewayServer: Sendable {
    package let state: GatewayState
    private let group: MultiThreadedEventLoopGroup
    private let listeners = Mutex<[any Channel]>([])
    private let refusalSummaries: RepeatedTask
    private let isClosed = Mutex(false)

    /// A gateway that does not listen yet. What is made here must be listened with, or closed.
    package init(_ state: GatewayState) {
        self.state = state
        // A group of its own: nothing else that runs in the process can hold up a relay.
        group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        refusalSummaries = group.next().scheduleRepeatedTask(
            initialDelay: RefusalLog.window,
            delay: RefusalLog.window
        ) { [refusalLog = state.refusalLog] _ in refusalLog.summarize() }
    }

    /// The loops the connections run on.
    package var loops: [any EventLoop] { Array(group.makeIterator()) }

    /// Gives each loop something to do; none once they are shut down, which may not be told to do anything.
    func onEachLoop(_ task: @escaping @Sendable () -> Void) {
        isClosed.withLock { isClosed in
            if !isClosed { for loop in loops { loop.execute(task) } }
        }
    }

    /// Whether the loops are shut down, or are about to be.
    var isShutDown: Bool { isClosed.withLock { $0 } }

    /// Starts listening.
    ///
    /// - Throws: ``ListenError``; nothing is left open then.
    package func listen() async throws {
        var channels: [any Channel] = []
        do {
            let configured = state.configuration.listenAddresses
            if configured.isEmpty {
                channels.append(try await listenOnAll())
            }
            for address in configured {
                // A port of 0, for tests, is the same one on all addresses.
                let port = channels.first?.localAddress?.port ?? state.configuration.port
                channels.append(try await listen(on: address, port: port, isIPv6Only: true))
            }
        } catch {
            for channel in channels { try? await channel.close() }
            try? await close()
            throw error
        }
        listeners.withLock { $0 = channels }
        state.startedListening()
    }

    /// The addresses that are listened on, with the ports the kernel gave.
    package var localAddresses: [String] {
        listeners.withLock { $0.compactMap { $0.localAddress?.displayName } }
    }

    /// The port that is listened on.
    package var port: Int { listeners.withLock { $0.first?.localAddress?.port } ?? state.configuration.port }

    /// Stops: no new connection, start-ups are refused, sessions go on until they end or the drain
    /// timeout is over; then everything is closed.
    package func stop() async throws {
        state.sessions.startDraining()
        for listener in listeners.withLock({ $0 }) { try? await listener.close() }
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
        state.refusalLog.summarize(at: .distantFuture)
        try await close()
    }

    /// Gives up what a gateway has that does not listen.
    package func close() async throws {
        refusalSummaries.cancel()
        isClosed.withLock { $0 = true }
        try await group.shutdownGracefully()
    }

    /// Ends a stop that waits for sessions: they are closed now.
    package func stopWaiting() {
        state.sessions.closeAll()
    }

    // MARK: Listening

    /// One socket for both families; for IPv4 alone on a host that has no IPv6.
    private func listenOnAll() async throws -> any Channel {
        let port = state.configuration.port
        do {
            return try await listen(on: "::", port: port, isIPv6Only: false)
        } catch let error as ListenError where error.kind == .unavailable {
            return try await listen(on: "0.0.0.0", port: port, isIPv6Only: false)
        }
    }

    private func listen(on address: String, port: Int, isIPv6Only: Bool) async throws -> any Channel {
        do {
            let socketAddress = try SocketAddress(ipAddress: address, port: port)
            return try await SocketOptions.apply(
                to: ServerBootstrap(group: group),
                addressFamily: socketAddress.protocol,
                isIPv6Only: isIPv6Only
            )
            .serverChannelInitializer { [state] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        AcceptPauseHandler(failures: state.acceptFailures), AcceptHandler(gate: state.handshakes),
                    ])
                }
            }
            .childChannelInitializer { [state] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ClientHandler(gateway: state))
                }
            }
            .bind(to: socketAddress)
            .get()
        } catch {
            throw ListenError(error, address: address, port: port, portVariable: .port, addressVariable: .listenAddress)
        }
    }
}
