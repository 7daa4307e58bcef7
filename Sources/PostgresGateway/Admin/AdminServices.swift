import Foundation
package import GatewayContract
import GatewayCore
import Logging
package import NIOCore
import RouteMap

/// The gateway's services for the admin address.
package struct AdminServices: Sendable {
    /// Whether the event loops turn; the answer comes on the loop that is given.
    package var liveness: @Sendable (any EventLoop) -> EventLoopFuture<Liveness>
    package var readiness: @Sendable () -> Readiness
    /// As Prometheus reads it. Blocking, never on an event loop.
    package var metrics: @Sendable () -> String
    package var sessions: any SessionsSource
    /// Called when the admin address itself cannot accept a connection.
    package var acceptFailed: @Sendable (any Error) -> Void
    /// Called with the reason when the admin listener is lost, and with nil when it is open again.
    package var listenerLost: @Sendable (String?) -> Void

    package init(
        liveness: @escaping @Sendable (any EventLoop) -> EventLoopFuture<Liveness>,
        readiness: @escaping @Sendable () -> Readiness,
        metrics: @escaping @Sendable () -> String,
        sessions: any SessionsSource,
        acceptFailed: @escaping @Sendable (any Error) -> Void,
        listenerLost: @escaping @Sendable (String?) -> Void
    ) {
        self.liveness = liveness
        self.readiness = readiness
        self.metrics = metrics
        self.sessions = sessions
        self.acceptFailed = acceptFailed
        self.listenerLost = listenerLost
    }

    /// Those of a gateway.
    package init(of gateway: GatewayServer) {
        self.init(
            liveness: { gateway.liveness(watchedFrom: $0) },
            readiness: { gateway.readiness() },
            metrics: { Metrics.text(of: gateway) },
            sessions: gateway,
            acceptFailed: { if let error = $0 as? IOError { gateway.acceptFailures.note(error) } },
            listenerLost: { gateway.adminListenerLost($0) }
        )
    }
}

extension GatewayServer {
    /// Sessions continue without the admin address, so this is only logged.
    fileprivate func adminListenerLost(_ reason: String?) {
        let admin = "\(configuration.adminAddress)"
        guard let reason else {
            return logger.info("listening again on the admin address", metadata: .init([.admin: admin]))
        }
        logger.error(
            "lost the admin listening socket; reopening it",
            metadata: .init([.admin: admin, .error: reason])
        )
    }
}

/// The current sessions.
package protocol SessionsSource: Sendable {
    /// Called on the admin address's own thread: takes snapshots and never blocks.
    func sessionsDocument() -> SessionsDocument
}

extension GatewayServer: SessionsSource {
    package func sessionsDocument() -> SessionsDocument {
        let now = NIODeadline.now()
        let byTarget = Dictionary(grouping: registry.sessions()) { $0.target.id }
        return SessionsDocument(
            targets: byTarget.sorted { $0.key < $1.key }.map { id, sessions in
                .init(id: id, count: sessions.count, sessions: sessions.map { .init($0, at: now) })
            },
            startups: .init(count: registry.startupCount, handshakesWaiting: registry.waitingHandshakeCount),
            limits: nearLimits,
            certificates: certificates.current.documents,
            hostnamesUncovered: certificates.uncovered(in: routes),
            refusals: log.recentRefusals.documents { routes.current.hostnames.mapValues(\.description) }
        )
    }

    /// Limits of the whole gateway of which nine tenths or more are in use.
    private var nearLimits: [SessionsDocument.Limit] {
        let uses: [(GatewayVariable, Int, Int)] = [
            (.maxConnections, registry.sessionCount, configuration.maxConnections),
            (.maxStartups, registry.startupCount, configuration.maxStartups),
            (.maxHandshakes, registry.waitingHandshakeCount, configuration.maxHandshakes),
        ]
        return uses.filter { $1 * 10 >= $2 * 9 }.map { .init(variable: $0, of: nil, used: $1, maximum: $2) }
    }
}

extension SessionsDocument.Session {
    fileprivate init(_ session: ConnectionRegistry.SessionView, at now: NIODeadline) {
        self.init(
            number: session.id.number,
            client: session.client?.displayName ?? "unknown",
            backendProcess: session.tally.processID.map { Int32(bitPattern: $0) },
            ageSeconds: Int((now - session.since).nanoseconds / 1_000_000_000),
            bytesIn: UInt64(session.tally.bytesIn),
            bytesOut: UInt64(session.tally.bytesOut)
        )
    }
}

extension CertificateTable {
    /// As `/sessions` shows them.
    package var documents: [SessionsDocument.Certificate] {
        pairs.map {
            .init(
                file: $0.certFile,
                names: $0.names,
                notBefore: $0.notBefore.formatted(.iso8601),
                notAfter: $0.notAfter.formatted(.iso8601)
            )
        }
    }
}
