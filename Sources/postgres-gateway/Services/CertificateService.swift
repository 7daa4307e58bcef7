import PostgresGateway
import ServiceLifecycle

/// Reloads changed certificates within a few seconds.
struct CertificateService: Service {
    let reloader: CertificateReloader

    /// Between two looks at the files; two that agree make a change.
    private static let interval = Duration.seconds(2)
    /// Between two warnings of the same dates.
    private static let checksPerWarning = 12 * 3_600 / 2

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var looks = 0
            while (try? await Task.sleep(for: Self.interval)) != nil {
                await reloader.reload(isForced: false)
                looks += 1
                if looks.isMultiple(of: Self.checksPerWarning) { await reloader.warn() }
            }
        }
    }
}
