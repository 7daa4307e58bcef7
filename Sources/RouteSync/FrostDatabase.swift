import Foundation
import GRDB
package import RouteMap

/// What is wrong with the database of a Frost installation.
package struct FrostDatabaseError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// The SQLite database of a Frost that is installed, read and never written: a host that runs Frost
/// today gets the gateway without changing Frost.
///
/// Routes lead to `hostPort`, which is stable, and not to `runtimeHostPort`: what listens there wakes
/// branches that were scaled to zero and counts their connections.
package final class FrostDatabase: Sendable {
    /// What its tables say of routes.
    package struct Snapshot: Sendable {
        package var routes: [Route]
        package var stopped: [StoppedRoute]
        /// What could not be made a route, and why.
        package var problems: [String]
    }

    private let path: String
    private let queue: DatabaseQueue

    /// - Throws: ``FrostDatabaseError`` that names the file.
    package init(path: String) throws(FrostDatabaseError) {
        guard FileManager.default.fileExists(atPath: path) else {
            throw FrostDatabaseError(description: "\(path) does not exist; give the frost.db of the installation")
        }
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(10)
            queue = try DatabaseQueue(path: path, configuration: configuration)
            self.path = path
        } catch {
            throw FrostDatabaseError(description: "\(path) cannot be opened: \(error)")
        }
    }

    /// Changes whenever another process has changed the database (PRAGMA data_version).
    package func version() throws(FrostDatabaseError) -> Int {
        do {
            return try queue.read { db in try Int.fetchOne(db, sql: "PRAGMA data_version") ?? 0 }
        } catch {
            throw FrostDatabaseError(description: "\(path) cannot be read: \(error)")
        }
    }

    /// - Parameter previous: hostnames of the route map in force, by target; who has one keeps it while it fits.
    /// - Throws: ``FrostDatabaseError`` for a database of another kind, or one without a wildcard domain.
    package func snapshot(keeping previous: [String: Hostname]) throws(FrostDatabaseError) -> Snapshot {
        let (base, rows): (String?, [Row])
        do {
            (base, rows) = try queue.read { db in
                (
                    try String.fetchOne(db, sql: "SELECT value FROM settings WHERE key = 'wildcard_domain'"),
                    try Row.fetchAll(
                        db,
                        sql: """
                            SELECT t.id, t.name, t.hostname, t.lifecycle_status AS status, t.provider_ref_json AS ref,
                                d.name AS databaseName, p.id AS projectId, p.name AS projectName, p.hostname AS projectHostname
                            FROM database_targets t JOIN databases d ON d.id = t.database_id JOIN projects p ON p.id = d.project_id
                            WHERE d.engine = 'postgres'
                            ORDER BY t.created_at, t.id
                            """
                    )
                )
            }
        } catch {
            throw FrostDatabaseError(description: "\(path) is no database of Frost's that this version knows: \(error)")
        }
        guard let base, let domain = try? Hostname(base) else {
            throw FrostDatabaseError(
                description: "the wildcard domain '\(base ?? "")' is no domain; set it in Frost's settings"
            )
        }
        do {
            return try Self.snapshot(rows, base: domain, keeping: previous)
        } catch {
            throw FrostDatabaseError(description: "the wildcard domain '\(domain)' \(error)")
        }
    }

    private struct ProviderReference: Decodable {
        var hostPort: Int?
    }

    private static func snapshot(
        _ rows: [Row],
        base: Hostname,
        keeping previous: [String: Hostname]
    ) throws(HostnameError) -> Snapshot {
        let requests = rows.map { row in
            let projectHostname: String? = row["projectHostname"]
            let name: String = row["name"]
            return HostnameBuilder.Request(
                targetID: row["id"],
                target: (row["hostname"] as String?) ?? name,
                projectID: row["projectId"],
                project: projectHostname ?? row["projectName"]
            )
        }
        let names = try HostnameBuilder.names(for: requests, base: base, keeping: previous)
        var snapshot = Snapshot(routes: [], stopped: [], problems: [])
        for row in rows {
            let target = Target(
                id: row["id"],
                name: row["name"],
                database: row["databaseName"],
                project: row["projectName"]
            )
            guard let hostname = names[target.id] else { continue }
            let status: String = row["status"]
            guard status == "active" else {
                snapshot.stopped.append(StoppedRoute(hostname: hostname, target: target))
                continue
            }
            let reference: String? = row["ref"]
            let port = reference.flatMap { try? JSONDecoder().decode(ProviderReference.self, from: Data($0.utf8)) }?
                .hostPort
            if let port, let hostPort = UInt16(exactly: port), hostPort > 0 {
                snapshot.routes.append(Route(hostname: hostname, hostPort: hostPort, target: target))
            } else {
                // Known, and not to be reached: better told than unknown.
                snapshot.stopped.append(StoppedRoute(hostname: hostname, target: target))
                snapshot.problems.append("\(target.database)/\(target.name) is active and has no host port")
            }
        }
        return snapshot
    }
}
