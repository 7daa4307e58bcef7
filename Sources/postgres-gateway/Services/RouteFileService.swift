import NIOCore
import PostgresGateway
import ServiceLifecycle
import UnixSignals

/// Reloads a changed route map at once, and both it and the certificates on SIGHUP.
struct RouteFileService: Service {
    let path: String
    let loader: RouteLoader
    let certificates: CertificateReloader
    /// SIGHUPs since before the gateway listened.
    let signals: UnixSignalsSequence
    let status: StatusService
    /// Takes the kernel's events of the route file; none of the gateway's own.
    let eventLoop: any EventLoop

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                let reloader = RouteReloader(loader)
                group.addTask {
                    for await _ in signals {
                        status.notifyReloading()
                        await reloader.reload(isForced: true)
                        await certificates.reload(isForced: true)
                        status.notifyReady()
                    }
                }
                group.addTask {
                    await FileWatch(path: path).run(on: eventLoop) {
                        await reloader.reload(isForced: false)
                    }
                }
            }
        }
    }
}

/// One reload at a time, on a thread where blocking is allowed.
private actor RouteReloader {
    private let loader: RouteLoader
    private let queue = BlockingQueue("routes")

    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    init(_ loader: RouteLoader) {
        self.loader = loader
    }

    func reload(isForced: Bool) { loader.reload(isForced: isForced) }
}
