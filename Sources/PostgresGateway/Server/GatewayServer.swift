import GatewayContract
package import GatewayCore
package import GatewayHardening
package import Logging
package import NIOCore
import NIOPosix
package import RouteMap
import Synchronization

/// A gateway: its listeners, its event loops, and its parts.
///
/// The only place that knows all parts. Handlers are given those that they need.
package final class GatewayServer: Sendable {
    package let configuration: GatewayConfiguration
    package let certificates: CertificateStore
    package let logger: Logger
    package let metrics: MetricsRegistry
    /// Of the program, for people.
    let version: String
    package let registry: ConnectionRegistry
    package let routes: RouteStore
    package let routeLoader: RouteLoader
    package let cancelKeys = CancelKeys()
    package let acceptFailures: AcceptFailures
    let clock: GatewayClock
    let log: ConnectionLog
    private let router: Router
    private let times: ConnectionTimes
    private let listening = Atomic(false)
    private let group: MultiThreadedEventLoopGroup
    private let listeners = Mutex<[Listener]>([])
    private let pacers = Mutex<[ObjectIdentifier: NIOLoopBound<HandshakePacer>]>([:])
    /// By event loop.
    private let shards: [ObjectIdentifier: MetricsShard]
    private let refusalSummaries: RepeatedTask
    private let memoryChecks: RepeatedTask
    private let lagProbes: [RepeatedTask]
    private let isClosed = Mutex(false)
    /// Fails when the gateway cannot listen any more.
    private let lost: EventLoopPromise<Void>

    /// Makes a gateway that does not listen yet. The caller must start or close it.
    ///
    /// - Parameters:
    ///   - routes: in effect until a route map is read.
    ///   - version: of the program, for metrics.
    package init(
        configuration: GatewayConfiguration,
        certificates: CertificateStore,
        routes table: RouteTable = .empty,
        clock: GatewayClock = .system,
        times: ConnectionTimes? = nil,
        version: String = "unknown",
        logger: Logger
    ) {
        // A group of its own: nothing else that runs in the process can hold up a relay.
        group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let loops = Array(group.makeIterator())
        let metrics = MetricsRegistry(loops: loops.count)
        metrics.targets.keep(table.hostnames.keys)
        let log = ConnectionLog(logger: logger, metrics: metrics)
        let registry = ConnectionRegistry(limits: AdmissionLimits(configuration), metrics: metrics)
        let routes = RouteStore(table)
        self.configuration = configuration
        self.certificates = certificates
        self.logger = logger
        self.metrics = metrics
        self.version = version
        self.log = log
        self.registry = registry
        self.routes = routes
        self.clock = clock
        self.times = times ?? ConnectionTimes(configuration)
        acceptFailures = AcceptFailures(logger: logger)
        router = Router(routes: routes, clock: clock)
        routeLoader = RouteLoader(
            path: configuration.routeFile,
            routes: routes,
            clock: clock,
            metrics: metrics,
            logger: logger
        ) { table in registry.routesChanged { table.serves($0) } }
        shards = Dictionary(uniqueKeysWithValues: zip(loops.map { ObjectIdentifier($0) }, metrics.shards))
        lagProbes = zip(loops, metrics.shards).map { EventLoopLag.measure($0, into: $1.lags) }
        lost = group.next().makePromise(of: Void.self)
        refusalSummaries = group.next().scheduleRepeatedTask(
            initialDelay: RefusalLog.window,
            delay: RefusalLog.window
        ) { [burst = log.burst] _ in burst.summarize() }
        let trimmer = MemoryTrimmer(registry: registry)
        memoryChecks = group.next().scheduleRepeatedTask(
            initialDelay: MemoryTrimmer.interval,
            delay: MemoryTrimmer.interval
        ) { _ in trimmer.look() }
    }

    /// Whether connections are accepted.
    var isListening: Bool { listening.load(ordering: .acquiring) }

    /// The loops the connections run on.
    package var loops: [any EventLoop] { Array(group.makeIterator()) }

    /// Submits work to each loop; does nothing once they are shut down, when submitting is not allowed.
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
        var opened: [Listener] = []
        do {
            for loop in loops {
                let pacer = try await HandshakePacer.make(on: loop, registry: registry)
                pacers.withLock { $0[ObjectIdentifier(loop)] = pacer }
            }
            let configured = configuration.listenAddresses
            if configured.isEmpty { opened.append(try await listenOnAll()) }
            for address in configured {
                // A port of 0, for tests, is the same one on all addresses.
                let port = opened.first?.localAddress?.port ?? configuration.port
                opened.append(try await listen(on: address, port: port, isIPv6Only: true))
            }
        } catch {
            for listener in opened { await listener.close() }
            try? await close()
            throw error
        }
        listeners.withLock { [opened] in $0 = opened }
        listening.store(true, ordering: .releasing)
    }

    /// The addresses that are listened on, with the ports the kernel gave.
    package var localAddresses: [String] {
        listeners.withLock { $0.compactMap { $0.localAddress?.displayName } }
    }

    /// The port that is listened on.
    package var port: Int { listeners.withLock { $0.first?.localAddress?.port } ?? configuration.port }

    /// The sockets that are listened with, for tests that let one die.
    package var listeningChannels: [any Channel] { listeners.withLock { $0.compactMap(\.channel) } }

    /// Waits until the gateway is closed, or the task is cancelled.
    ///
    /// - Throws: ``ListenerLost`` when a listener was lost and could not be opened again.
    package func listening() async throws {
        try await withTaskCancellationHandler {
            try await lost.futureResult.get()
        } onCancel: {
            // Stop waiting on cancellation: a future's `get` does not return by itself.
            lost.succeed()
        }
    }

    /// Stops: no new connection, start-ups are refused, sessions go on until they end or the drain
    /// timeout is over; then they are ended in an orderly way, which takes a bounded time.
    package func stop() async throws {
        for listener in listeners.withLock({ $0 }) { await listener.close() }
        registry.startDraining()
        logger.info(
            "stopping; waiting for open sessions",
            metadata: .init([.sessions: String(registry.sessionCount)])
        )
        let loop = group.next()
        let drained = loop.makePromise(of: Void.self)
        let timeout = loop.scheduleTask(in: configuration.drainTimeout) { [registry] in
            registry.finishAll()
        }
        registry.whenDrained { drained.succeed() }
        try await drained.futureResult.get()
        timeout.cancel()
        log.burst.summarize(at: .distantFuture)
        try await close()
    }

    /// Gives up what a gateway has that does not listen.
    package func close() async throws {
        refusalSummaries.cancel()
        memoryChecks.cancel()
        for probe in lagProbes { probe.cancel() }
        isClosed.withLock { $0 = true }
        lost.succeed()
        try await group.shutdownGracefully()
        pacers.withLock { $0 = [:] }
    }

    /// Ends a stop that waits for sessions: they are closed now.
    package func stopWaiting() {
        registry.closeAll()
    }

    // MARK: Listening

    /// One socket for both families; for IPv4 alone on a host that has no IPv6.
    private func listenOnAll() async throws -> Listener {
        let port = configuration.port
        do {
            return try await listen(on: "::", port: port, isIPv6Only: false)
        } catch let error as ListenError where error.kind == .unavailable {
            return try await listen(on: "0.0.0.0", port: port, isIPv6Only: false)
        }
    }

    private func listen(on address: String, port: Int, isIPv6Only: Bool) async throws -> Listener {
        try await Listener.open(reopenTimeout: times.listenerReopenTimeout) { [self] given in
            try await bind(address, port: given ?? port, isIPv6Only: isIPv6Only)
        } notify: { [self] event in
            notify(event, of: address)
        }
    }

    private func notify(_ event: Listener.Event, of address: String) {
        switch event {
        case .lost(let reason):
            listening.store(false, ordering: .releasing)
            logger.error(
                "lost a listening socket; reopening it",
                metadata: .init([.address: address, .error: reason])
            )
        case .reopened:
            // Other lost listeners report again if they are not reopened in time.
            if listeners.withLock({ $0.allSatisfy { $0.channel?.isActive == true } }) {
                listening.store(true, ordering: .releasing)
            }
            logger.info("listening again", metadata: .init([.address: address]))
        case .gaveUp(let error):
            lost.fail(ListenerLost(cause: error))
        }
    }

    private func bind(_ address: String, port: Int, isIPv6Only: Bool) async throws -> any Channel {
        do {
            let socketAddress = try SocketAddress(ipAddress: address, port: port)
            return try await SocketOptions.apply(
                to: ServerBootstrap(group: group),
                addressFamily: socketAddress.protocol,
                isIPv6Only: isIPv6Only
            )
            .serverChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptPauseHandler(failures: acceptFailures) { [registry] in registry.makeRoom() }
                    )
                }
            }
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    let loop = ObjectIdentifier(channel.eventLoop)
                    guard let pacer = pacers.withLock({ $0[loop] }), let shard = shards[loop] else {
                        throw ChannelError.inappropriateOperationForState
                    }
                    let services = ClientHandler.Services(
                        registry: registry,
                        router: router,
                        certificates: certificates,
                        cancelKeys: cancelKeys,
                        log: log,
                        times: times,
                        pacer: pacer.value,
                        metrics: shard
                    )
                    try SocketOptions.prepare(channel, as: .client)
                    try channel.pipeline.syncOperations.addHandler(ClientHandler(services))
                }
            }
            .bind(to: socketAddress)
            .get()
        } catch {
            throw ListenError(error, address: address, port: port, portVariable: .port, addressVariable: .listenAddress)
        }
    }
}
