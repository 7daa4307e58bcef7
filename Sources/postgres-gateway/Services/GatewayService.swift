import Logging
import NIOCore
import PostgresGateway
import ServiceLifecycle
import ServiceNotify

/// Runs the gateway until the process receives a signal to stop, then drains it.
struct GatewayService: Service {
    let server: GatewayServer
    let admin: AdminServer
    let version: String
    let systemd: SystemdNotifier?

    /// How much longer than the drain timeout a stop may take before systemd ends the process.
    private static let stopMargin = TimeAmount.seconds(15)

    func run() async throws {
        server.logger.info(
            "listening",
            metadata: .init([
                .address: server.localAddresses.joined(separator: " "), .version: version,
                .admin: admin.address?.description ?? "",
            ])
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await gracefulShutdown() }
            // A permanently lost listener ends the process, so that its supervisor restarts it.
            tasks.addTask { try await server.listening() }
            try await tasks.next()
            tasks.cancelAll()
        }
        let limit = server.configuration.drainTimeout + Self.stopMargin
        systemd?.send(.stopping, .extendTimeout(microseconds: UInt64(max(0, limit.nanoseconds / 1_000))))
        try await server.stop()
        server.logger.info("stopped")
    }
}

/// Serves the admin address until everything else has stopped.
struct AdminService: Service {
    let admin: AdminServer

    func run() async throws {
        try? await gracefulShutdown()
        try await admin.stop()
    }
}
