import RouteMap

/// How a branch of an installed Frost is reached through the gateway.
package struct FrostAccess: Hashable, Sendable {
    package var hostname: String
    package var username: String
    /// As Frost made it; its user may have changed it since.
    package var password: String
    package var databaseName: String

    /// Of the oldest active branch that is routed. Blocking.
    ///
    /// - Parameter routeFile: the map in force.
    /// - Returns: nil when no branch is.
    /// - Throws: ``FrostDatabaseError`` or ``RouteMapError``.
    package static func find(databasePath: String, routeFile: String) throws -> FrostAccess? {
        let routes = try RouteMapFile.load(path: routeFile).listedRoutes
        let hostnames = Dictionary(routes.map { ($0.target.id, $0.hostname) }) { first, _ in first }
        return try FrostDatabase.clientAccess(databasePath, hostnames: hostnames)
    }
}
