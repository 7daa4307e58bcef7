import NIOCore
import PostgresGateway
import ServiceLifecycle
import ServiceNotify

/// Reports the gateway's status to systemd, and keeps its watchdog satisfied while the event loops respond.
struct StatusService: Service {
    let server: GatewayServer
    let admin: AdminServer
    let systemd: SystemdNotifier?

    /// Between two lines of `systemctl status`, in microseconds, unless the watchdog wants them more often.
    private static let interval: UInt64 = 5_000_000

    func run() async throws {
        notifyReady()
        // Twice as often as the watchdog asks, as sd_watchdog_enabled(3) advises.
        let microseconds = min(Self.interval, (systemd?.watchdogMicroseconds).map { $0 / 2 } ?? Self.interval)
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: .microseconds(microseconds))) != nil { await notifyAlive() }
        }
    }

    func notifyReady() {
        systemd?.send(.ready, .status(text))
    }

    func notifyReloading() {
        systemd?.send(.reloading(monotonicMicroseconds: SystemdNotifier.monotonicMicroseconds()))
    }

    private func notifyAlive() async {
        guard let systemd else { return }
        let liveness = try? await server.liveness(watchedFrom: admin.eventLoop).get()
        if liveness?.status == .ok, systemd.watchdogMicroseconds != nil {
            systemd.send(.watchdog, .status(text))
        } else {
            systemd.send(.status(text))
        }
    }

    private var text: String {
        let readiness = server.readiness()
        let counts = "sessions: \(readiness.sessions), routes: \(readiness.routes)"
        let findings = readiness.reasons + readiness.warnings
        guard let first = findings.first else { return counts }
        return "\(readiness.status == .ready ? "" : "not ready: ")\(first.message); \(counts)"
    }
}
