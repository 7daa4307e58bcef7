import PostgresGateway
import ServiceLifecycle

/// Reloads changed certificates within a few seconds.
struct CertificateService: Service {
    let reloader: CertificateReloader

    /// Between two looks at the files.
    private static let interval = Duration.seconds(2)
    /// Before the next look at files that have changed: two looks that agree make a change.
    private static let settleTime = Duration.milliseconds(300)
    /// Between two warnings of the same dates.
    private static let checksPerWarning = 12 * 3_600 / 2

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var looks = 0
            var isSettling = false
            while (try? await Task.sleep(for: isSettling ? Self.settleTime : Self.interval)) != nil {
                isSettling = await reloader.reload(isForced: false)
                if isSettling { continue }
                looks += 1
                if looks.isMultiple(of: Self.checksPerWarning) { await reloader.warn() }
            }
        }
    }
}
