import Foundation
package import GatewayContract
package import NIOCore

/// What the admin address asks the gateway for.
package struct AdminServices: Sendable {
    /// Whether the event loops turn; the answer comes on the loop that is given.
    package var liveness: @Sendable (any EventLoop) -> EventLoopFuture<Liveness>
    package var readiness: @Sendable () -> Readiness
    /// As Prometheus reads it.
    package var metrics: @Sendable () -> String
    package var sessions: any SessionsSource
    /// Told when the admin address itself cannot accept a connection.
    package var acceptFailed: @Sendable (any Error) -> Void

    package init(
        liveness: @escaping @Sendable (any EventLoop) -> EventLoopFuture<Liveness>,
        readiness: @escaping @Sendable () -> Readiness,
        metrics: @escaping @Sendable () -> String,
        sessions: any SessionsSource,
        acceptFailed: @escaping @Sendable (any Error) -> Void
    ) {
        self.liveness = liveness
        self.readiness = readiness
        self.metrics = metrics
        self.sessions = sessions
        self.acceptFailed = acceptFailed
    }

    /// Those of a gateway.
    package init(of gateway: GatewayServer) {
        self.init(
            liveness: { gateway.liveness(watchedFrom: $0) },
            readiness: { gateway.state.readiness() },
            metrics: { Metrics.text(of: gateway.state) },
            sessions: gateway.state,
            acceptFailed: { gateway.state.acceptFailures.note($0) }
        )
    }
}

/// Knows who is connected.
package protocol SessionsSource: Sendable {
    /// Called on the admin address's own thread: takes snapshots, and waits for nobody.
    func sessionsDocument() -> SessionsDocument
}

extension GatewayState: SessionsSource {
    /// The numbers of sessions alone: who they are is not kept yet.
    package func sessionsDocument() -> SessionsDocument {
        let counts = sessions.countsByTarget()
        return SessionsDocument(
            targets: counts.sorted { $0.key < $1.key }.map { .init(id: $0.key, count: $0.value, sessions: []) },
            startups: .init(
                count: max(0, connectionCount - counts.values.reduce(0, +)),
                handshakesWaiting: handshakeCount
            ),
            limits: [],
            certificates: certificates.current.documents,
            hostnamesUncovered: certificates.uncovered(in: routes)
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
