import PostgresGateway
import ServiceLifecycle
import UnixSignals

/// Reads the route map and the certificates again on SIGHUP.
struct ReloadService: Service {
    let state: GatewayState
    /// SIGHUPs since before the gateway listened.
    let signals: UnixSignalsSequence
    let status: StatusService

    func run() async throws {
        for await _ in signals.cancelOnGracefulShutdown() {
            status.tellReloading()
            state.reloadRoutes()
            state.reloadCertificates(isForced: true)
            status.tellReady()
        }
    }
}

/// Takes up certificates that have changed, within a few seconds.
struct CertificateService: Service {
    let state: GatewayState

    /// Between two looks at the files; two that agree make a change.
    private static let interval = Duration.seconds(2)
    /// Between two warnings of the same dates.
    private static let looksPerWarning = 12 * 3_600 / 2

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var looks = 0
            while (try? await Task.sleep(for: Self.interval)) != nil {
                state.reloadCertificates(isForced: false)
                looks += 1
                if looks.isMultiple(of: Self.looksPerWarning) { state.warnOfCertificateDates() }
            }
        }
    }
}
