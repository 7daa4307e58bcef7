import Foundation
package import Logging
import RouteMap

/// Keeps a route map as the database of a Frost installation says.
package struct FrostDatabaseSync: Sendable {
    /// Between two looks at the database.
    package static let interval = Duration.milliseconds(300)

    private let databasePath: String
    private let routeFile: String
    private let logger: Logger

    package init(databasePath: String, routeFile: String, logger: Logger) {
        self.databasePath = databasePath
        self.routeFile = routeFile
        self.logger = logger
    }

    /// Writes the route map once.
    ///
    /// - Returns: how many routes there are, active and stopped.
    /// - Throws: ``FrostDatabaseError``, ``RouteMapError`` or ``RouteMapWriteError``; the old file is untouched then.
    @discardableResult
    package func writeOnce() throws -> (active: Int, stopped: Int) {
        try write(FrostDatabase(path: databasePath))
    }

    /// Follows the database until the task is cancelled. Faults are logged once and tried again.
    ///
    /// - Parameter written: called after each write.
    package func run(written: @Sendable (_ active: Int, _ stopped: Int) -> Void) async {
        var database: FrostDatabase?
        var seen: Int?
        var lastFault: String?
        while !Task.isCancelled {
            do {
                let current = try database ?? FrostDatabase(path: databasePath)
                database = current
                let version = try current.version()
                if version != seen {
                    let counts = try write(current)
                    seen = version
                    written(counts.active, counts.stopped)
                }
                lastFault = nil
            } catch {
                // Frost may be exchanging the file: opened anew.
                database = nil
                seen = nil
                if lastFault != "\(error)" {
                    logger.error("route map not written; trying again", metadata: ["error": "\(error)"])
                    lastFault = "\(error)"
                }
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func write(_ database: FrostDatabase) throws -> (active: Int, stopped: Int) {
        let previous = (try? RouteMapFile.load(path: routeFile))?.hostnames ?? [:]
        let snapshot = try database.snapshot(keeping: previous)
        for problem in snapshot.problems { logger.warning("\(problem)") }
        let data = try RouteMapFile.encode(routes: snapshot.routes, stopped: snapshot.stopped, generatedAt: .now)
        try RouteMapFile.write(data, to: routeFile)
        return (snapshot.routes.count, snapshot.stopped.count)
    }
}
