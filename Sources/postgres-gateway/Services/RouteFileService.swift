import NIOCore
import PostgresGateway
import ServiceLifecycle
import UnixSignals

/// Takes up a changed route map at once, and reads it and the certificates again on SIGHUP.
struct RouteFileService: Service {
    let state: GatewayState
    /// SIGHUPs since before the gateway listened.
    let signals: UnixSignalsSequence
    let status: StatusService
    /// Takes the kernel's events of the route file; none of the gateway's own.
    let eventLoop: any EventLoop

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                let reloader = RouteReloader(state: state)
                group.addTask {
                    for await _ in signals {
                        status.tellReloading()
                        await reloader.reload(isForced: true)
                        state.reloadCertificates(isForced: true)
                        status.tellReady()
                    }
                }
                group.addTask {
                    await FileWatch(path: state.configuration.routeFile).run(on: eventLoop) {
                        await reloader.reload(isForced: false)
                    }
                }
            }
        }
    }
}

/// One reload at a time, whoever asks for it.
private actor RouteReloader {
    private let state: GatewayState

    init(state: GatewayState) {
        self.state = state
    }

    func reload(isForced: Bool) { state.reloadRoutes(isForced: isForced) }
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
