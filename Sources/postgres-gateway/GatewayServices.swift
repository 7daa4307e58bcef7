import Foundation
import Logging
import PostgresGateway
import RouteMap
import ServiceLifecycle
import UnixSignals

/// Exit codes beyond 0 and 1 (`sysexits.h`, and errno 98 for EADDRINUSE).
enum GatewayExitCode {
    static let configuration: Int32 = 78
    static let portInUse: Int32 = 98
}

/// Lines for the person who started the program, before and beside the log.
enum Complaint {
    static func print(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data("postgres-gateway: \(text)\n".utf8))
    }
}

/// Keeps the gateway running until the process is told to stop, then drains it.
struct GatewayService: Service {
    let server: GatewayServer
    let logger: Logger

    func run() async throws {
        logger.info(
            "listening",
            metadata: [LogKey.address.rawValue: .string(server.localAddresses.joined(separator: " "))]
        )
        try? await gracefulShutdown()
        try await server.stop()
        logger.info("stopped")
    }
}

/// Loads the route map at start and on SIGHUP. A file with a fault leaves the last good map in force.
struct RouteFileService: Service {
    let state: GatewayState
    let logger: Logger
    let path: String
    /// SIGHUPs since before the gateway listened: untrapped, one that comes early would end the process.
    let reloads: UnixSignalsSequence

    func run() async throws {
        for await _ in reloads.cancelOnGracefulShutdown() { load() }
    }

    func load() {
        do {
            let table = try RouteMapFile.load(path: path)
            state.routes.replace(with: table)
            logger.info("route map loaded", metadata: [LogKey.routes.rawValue: .stringConvertible(table.count)])
        } catch {
            let inForce = state.routes.current.count
            logger.error(
                "route map not loaded; the one in force stays",
                metadata: [LogKey.error.rawValue: "\(error)", LogKey.routes.rawValue: .stringConvertible(inForce)]
            )
        }
    }
}
