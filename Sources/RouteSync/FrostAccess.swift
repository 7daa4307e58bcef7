import RouteMap

/// The connection to a branch of an installed Frost through the gateway.
package struct FrostAccess: Hashable, Sendable {
    package var hostname: String
    package var username: String
    /// The password created by Frost; the user may have changed it since.
    package var password: String
    package var databaseName: String

    /// For the oldest active branch with a route. Blocking.
    ///
    /// - Parameter routeFile: the current map.
    /// - Returns: nil if there is none.
    /// - Throws: ``FrostDatabaseError`` or ``RouteMapError``.
    package static func find(databasePath: String, routeFile: String) throws -> FrostAccess? {
        let routes = try RouteMapFile.load(path: routeFile).listedRoutes
        let hostnames = Dictionary(routes.map { ($0.target.id, $0.hostname) }) { first, _ in first }
        return try FrostDatabase.clientAccess(databasePath, hostnames: hostnames)
    }
}
