import Foundation
import GRDB
package import RouteMap

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

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
    private let inode: Inode
    private let queue: DatabaseQueue

    /// - Throws: ``FrostDatabaseError`` that names the file.
    package init(path: String) throws(FrostDatabaseError) {
        // Before it is opened: one that is put in its place meanwhile is noticed at the next look.
        let inode = try Inode(path: path)
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(10)
            queue = try DatabaseQueue(path: path, configuration: configuration)
            self.path = path
            self.inode = inode
        } catch {
            throw Self.failure("cannot be opened", path, error)
        }
    }

    /// Whether its path still leads to the file that was opened, and not to another or to none.
    package var isInPlace: Bool { (try? Inode(path: path)) == inode }

    /// Changes whenever another process has changed the database (PRAGMA data_version).
    package func version() throws(FrostDatabaseError) -> Int {
        do {
            return try queue.read { db in try Int.fetchOne(db, sql: "PRAGMA data_version") ?? 0 }
        } catch {
            throw Self.failure("cannot be read", path, error)
        }
    }

    /// - Parameter previous: hostnames of the route map in force, by target; who has one keeps it while it fits.
    /// - Throws: ``FrostDatabaseError`` for a database of another kind, or one without a wildcard domain.
    package func snapshot(keeping previous: [String: Hostname]) throws(FrostDatabaseError) -> Snapshot {
        let (setting, rows): (Row?, [Row])
        do {
            (setting, rows) = try queue.read { db in
                (
                    try Row.fetchOne(db, sql: "SELECT value FROM settings WHERE key = 'wildcard_domain'"),
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
        } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
            // No such table or column.
            throw FrostDatabaseError(description: "\(path) is no database of Frost's that this version knows: \(error)")
        } catch {
            throw Self.failure("cannot be read", path, error)
        }
        let base = setting.flatMap { Self.text($0, "value") } ?? ""
        guard let domain = try? Hostname(base) else {
            throw FrostDatabaseError(
                description: "the wildcard domain '\(base)' is no domain; set it in Frost's settings"
            )
        }
        do {
            return try Self.snapshot(rows, base: domain, keeping: previous)
        } catch {
            throw FrostDatabaseError(description: "the wildcard domain '\(domain)' \(error)")
        }
    }

    /// What SQLite says, and what to do about it.
    private static func failure(_ what: String, _ path: String, _ error: any Error) -> FrostDatabaseError {
        guard let error = error as? DatabaseError, [.SQLITE_CANTOPEN, .SQLITE_READONLY].contains(error.resultCode)
        else {
            return FrostDatabaseError(description: "\(path) \(what): \(error)")
        }
        guard access(path, R_OK) == 0 else {
            return FrostDatabaseError(description: "\(path) may not be read by this user: \(error)")
        }
        // Which are there while Frost runs; a reader makes them where it may, and does without where it need not.
        return FrostDatabaseError(
            description: """
                \(path) \(what), though it is there: SQLite can neither use nor make the files beside it \
                (\(path)-wal and \(path)-shm). Start Frost, or run this as a user who may write in their directory. \
                \(error)
                """
        )
    }

    private static func snapshot(
        _ rows: [Row],
        base: Hostname,
        keeping previous: [String: Hostname]
    ) throws(HostnameError) -> Snapshot {
        var snapshot = Snapshot(routes: [], stopped: [], problems: [])
        var branches: [Branch] = []
        var ids: Set<String> = []
        for row in rows {
            do {
                let branch = try Branch(row)
                if ids.insert(branch.target.id).inserted {
                    branches.append(branch)
                } else {
                    snapshot.problems.append("\(branch.name) has the id of another branch; it is left out")
                }
            } catch {
                snapshot.problems.append(error.description)
            }
        }
        let names = try HostnameBuilder.names(for: branches.map(\.request), base: base, keeping: previous)
        for branch in branches {
            guard let hostname = names[branch.target.id] else { continue }
            if branch.isActive, let hostPort = branch.hostPort {
                snapshot.routes.append(Route(hostname: hostname, hostPort: hostPort, target: branch.target))
                continue
            }
            // Known, and not to be reached: better told than unknown.
            snapshot.stopped.append(StoppedRoute(hostname: hostname, target: branch.target))
            if branch.isActive { snapshot.problems.append("\(branch.name) is active and has no host port") }
        }
        return snapshot
    }

    /// A column as text. SQLite keeps values of any type in any column, and a NULL in a primary key; an
    /// empty text says as little as none.
    private static func text(_ row: Row, _ column: String) -> String? {
        let value: DatabaseValue = row[column]
        let found: String? =
            switch value.storage {
            case .string(let text): text
            case .int64(let number): String(number)
            case .blob(let data): String(data: data, encoding: .utf8)
            case .null, .double: nil
            }
        return found?.isEmpty == false ? found : nil
    }

    /// Which file a path leads to, symbolic links followed.
    private struct Inode: Hashable, Sendable {
        private let device: UInt64
        private let number: UInt64

        init(path: String) throws(FrostDatabaseError) {
            var found = stat()
            guard stat(path, &found) == 0 else {
                let code = errno
                throw FrostDatabaseError(
                    description: code == ENOENT || code == ENOTDIR
                        ? "\(path) does not exist; give the frost.db of the installation"
                        : "\(path) cannot be opened: \(String(cString: strerror(code)))"
                )
            }
            device = UInt64(found.st_dev)
            number = UInt64(found.st_ino)
        }
    }

    private struct ProviderReference: Decodable {
        var hostPort: Int?
    }

    /// A row of the tables.
    private struct Branch {
        var target: Target
        var request: HostnameBuilder.Request
        var isActive: Bool
        /// nil when the row has none that is a port.
        var hostPort: UInt16?

        /// What it is called in a problem.
        var name: String { Self.name(target.name, of: target.database) }

        init(_ row: Row) throws(FrostDatabaseError) {
            let id = text(row, "id")
            let name = text(row, "name")
            let status = text(row, "status")
            let projectID = text(row, "projectId")
            let database = text(row, "databaseName") ?? ""
            guard let id, let name, let status, let projectID else {
                let columns = [("id", id), ("name", name), ("lifecycle_status", status), ("project_id", projectID)]
                let missing = columns.filter { $0.1 == nil }.map(\.0).joined(separator: ", ")
                let branch = Self.name(name ?? id ?? "a branch", of: database)
                throw FrostDatabaseError(description: "\(branch) has no \(missing); it is left out")
            }
            let projectHostname = text(row, "projectHostname")
            let projectName = text(row, "projectName")
            target = Target(
                id: id,
                name: name,
                database: database,
                project: projectName ?? projectHostname ?? projectID
            )
            request = HostnameBuilder.Request(
                targetID: id,
                target: text(row, "hostname") ?? name,
                projectID: projectID,
                project: projectHostname ?? projectName ?? ""
            )
            isActive = status == "active"
            let reference = text(row, "ref").flatMap {
                try? JSONDecoder().decode(ProviderReference.self, from: Data($0.utf8))
            }
            hostPort = reference?.hostPort.flatMap { UInt16(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil }
        }

        private static func name(_ branch: String, of database: String) -> String {
            "\(database.prefix(100))/\(branch.prefix(100))"
        }
    }
}
