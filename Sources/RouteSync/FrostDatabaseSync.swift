import Foundation
package import Logging
import RouteMap

/// What stops the route map of a Frost installation from being written, beside its database.
package struct FrostSyncError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

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
    /// - Throws: ``FrostDatabaseError``, ``FrostSyncError``, ``RouteFileLockError``, ``RouteMapError`` or
    ///   ``RouteMapWriteError``; the old file is untouched then. `CancellationError` for a task that is cancelled.
    @discardableResult
    package func writeOnce() async throws -> (active: Int, stopped: Int) {
        let snapshot = try await write(FrostDatabase(path: databasePath))
        for problem in snapshot.problems { logger.warning("\(problem)") }
        return (snapshot.routes.count, snapshot.stopped.count)
    }

    /// Follows the database until the task is cancelled, also when another is put in its place. A fault is
    /// tried again, and logged twice: when it comes and when it is over.
    ///
    /// - Parameter written: called after each write.
    package func run(written: @Sendable (_ active: Int, _ stopped: Int) -> Void) async {
        var database: FrostDatabase?
        var seen: Int?
        var fault: String?
        var problems: [String] = []
        while !Task.isCancelled {
            do {
                if let opened = database, !opened.isInPlace {
                    database = nil
                    seen = nil
                }
                let current = try database ?? FrostDatabase(path: databasePath)
                database = current
                let version = try current.version()
                // A gateway that is started meanwhile would have no routes.
                if version != seen || FileIdentity(routeFile) == nil {
                    let snapshot = try await write(current)
                    seen = version
                    for problem in Set(snapshot.problems).subtracting(problems).sorted() {
                        logger.warning("\(problem)")
                    }
                    problems = snapshot.problems
                    written(snapshot.routes.count, snapshot.stopped.count)
                }
                if fault != nil {
                    logger.notice("the fault is over: the route map is written again")
                    fault = nil
                }
            } catch is CancellationError {
                return
            } catch {
                // Opened anew next time, and written whether it has changed or not.
                database = nil
                seen = nil
                if fault != "\(error)" {
                    logger.error("route map not written; trying again", metadata: ["error": "\(error)"])
                    fault = "\(error)"
                }
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Reads the database and writes the file, with no other process between the two: whoever writes it
    /// takes the same lock (see ``RouteSync``).
    private func write(_ database: FrostDatabase) async throws -> FrostDatabase.Snapshot {
        try await RouteFileLock.with(routeFile) {
            let snapshot = try database.snapshot(keeping: previousHostnames())
            let data = try RouteMapFile.encode(routes: snapshot.routes, stopped: snapshot.stopped, generatedAt: .now)
            try RouteMapFile.write(data, to: routeFile)
            return snapshot
        }
    }

    /// The names in force, by target. Only a file that is not there means that there are none: names that
    /// cannot be read would be given anew, and people's connection strings would lead elsewhere.
    private func previousHostnames() throws(FrostSyncError) -> [String: Hostname] {
        do {
            return try RouteMapFile.load(path: routeFile).hostnames
        } catch {
            if error.isMissingFile { return [:] }
            let fault = "\(error)".contains(routeFile) ? "\(error)" : "\(routeFile): \(error)"
            throw FrostSyncError(
                description: "\(fault); branches keep the hostnames in it: mend it, or remove it to have them made anew"
            )
        }
    }
}
