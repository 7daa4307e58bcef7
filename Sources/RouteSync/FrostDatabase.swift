import Foundation
import GRDB
import RouteMap

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// An error of the database of a Frost installation.
package struct FrostDatabaseError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// The SQLite database of an installed Frost, read and never written: a host with Frost gets the gateway without
/// changes of Frost.
///
/// Opened for one read and closed. An open connection would hold SQLite's shared lock, which keeps Frost from starting
/// on a restored backup, and would keep reading replaced files.
///
/// Routes use `hostPort`, which is stable, rather than `runtimeHostPort`: the listener there wakes branches scaled to
/// zero and counts their connections.
enum FrostDatabase {
    /// The first migration whose branches have hostnames.
    private static let firstMigration = 14
    /// How long a read waits for an exclusive writer, in seconds.
    private static let busyTimeout = 5.0

    /// Reads a consistent snapshot. Blocking.
    ///
    /// - Throws: ``FrostDatabaseError`` with the file and a fix.
    static func read(_ path: String) throws(FrostDatabaseError) -> FrostContents {
        try read(path) { db in contents(try Tables(db)) }
    }

    /// The connection to the oldest active branch of a map. Only this reads passwords. Blocking.
    ///
    /// - Parameter hostnames: of the map's routes, by target id.
    /// - Returns: nil if there is no such branch.
    /// - Throws: the errors of ``read(_:)``.
    static func clientAccess(
        _ path: String,
        hostnames: [String: Hostname]
    ) throws(FrostDatabaseError) -> FrostAccess? {
        try read(path) { db in
            _ = try Tables(db)
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT id, provider_ref_json AS ref FROM database_targets WHERE lifecycle_status = 'active'
                    ORDER BY created_at, id
                    """
            )
            for row in rows {
                guard let hostname = text(row, "id").flatMap({ hostnames[$0] }),
                    let found = text(row, "ref").flatMap({
                        try? JSONDecoder().decode(Credentials.self, from: Data($0.utf8))
                    })
                else { continue }
                return FrostAccess(
                    hostname: hostname.name,
                    username: found.username,
                    password: found.password,
                    databaseName: found.database
                )
            }
            return nil
        }
    }

    private struct Credentials: Decodable {
        var username: String
        var password: String
        var database: String
    }

    private static func read<Value>(
        _ path: String,
        _ body: (Database) throws -> Value
    ) throws(FrostDatabaseError) -> Value {
        // Not access(): it ignores the capabilities of a service that can read more than its account.
        var found = stat()
        guard stat(path, &found) == 0 else {
            let code = errno
            throw FrostDatabaseError(
                description: code == ENOENT || code == ENOTDIR
                    ? "\(path) does not exist; use the frost.db of the installation"
                    : "could not open \(path): \(String(cString: strerror(code)))"
            )
        }
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(busyTimeout)
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            defer { try? queue.close() }
            return try queue.read(body)
        } catch let error as UnknownSchema {
            throw FrostDatabaseError(description: "\(path) \(error.problem)")
        } catch {
            throw failure(path, error)
        }
    }

    /// SQLite's error, with a fix.
    private static func failure(_ path: String, _ error: any Error) -> FrostDatabaseError {
        guard let error = error as? DatabaseError else {
            return FrostDatabaseError(description: "could not read \(path): \(error)")
        }
        switch error.resultCode {
        case .SQLITE_CANTOPEN, .SQLITE_READONLY:
            // This process has no open connection, whose locks the kernel would release with the descriptor.
            let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            guard file >= 0 else {
                return FrostDatabaseError(description: "this user cannot read \(path): \(error)")
            }
            close(file)
            // They exist while Frost is running; otherwise a reader creates them if it can, unless it does not need
            // them.
            return FrostDatabaseError(
                description: """
                    could not read \(path): SQLite can neither use nor create the files beside it \
                    (\(path)-wal and \(path)-shm). Start Frost, or run this as a user with write access to their \
                    directory. \(error)
                    """
            )
        default:
            return FrostDatabaseError(description: "could not read \(path): \(error)")
        }
    }

    /// A database without the required tables or columns.
    private struct UnknownSchema: Error {
        let problem: String
    }

    /// The rows, as they are.
    private struct Tables {
        var migration: String?
        var wildcard: String?
        var projects: Int
        var branches: [Row]

        init(_ db: Database) throws {
            let tables = Set(try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'table'"))
            if tables.isEmpty {
                throw UnknownSchema(problem: "has no tables yet; Frost creates them when it first starts")
            }
            let migrations = tables.contains("_migrations")
            // Names of files, e.g. 018-backups.sql.
            migration =
                migrations
                ? try String.fetchOne(db, sql: "SELECT max(name) FROM _migrations").map {
                    String($0.prefix { $0 != "-" })
                }
                : nil
            if !tables.contains("database_targets"), !migrations {
                throw UnknownSchema(
                    problem: tables.contains("grdb_migrations")
                        ? "is this frost's own store, which writes its own route map; use the frost.db of Frost the PaaS"
                        : "is not Frost's database; use the frost.db of the installation"
                )
            }
            if let number = migration.flatMap({ Int($0) }), number < FrostDatabase.firstMigration {
                throw UnknownSchema(
                    problem: "is from a Frost whose last migration is \(migration ?? ""), in which branches have no "
                        + "hostnames; update Frost to a version with migration 0\(FrostDatabase.firstMigration) or later"
                )
            }
            do {
                // SQLite treats an unknown column name in double quotes as a string, and without them as an error.
                let columns = try String.fetchAll(db, sql: "SELECT name FROM pragma_table_info('database_targets')")
                let wakes = columns.contains("scale_to_zero_minutes") ? "t.scale_to_zero_minutes" : "NULL"
                wildcard = try Row.fetchOne(db, sql: "SELECT value FROM settings WHERE key = 'wildcard_domain'")
                    .flatMap { FrostDatabase.text($0, "value") }
                projects = try Int.fetchOne(db, sql: "SELECT count(*) FROM projects") ?? 0
                branches = try Row.fetchAll(
                    db,
                    sql: """
                        SELECT t.id, t.name, t.hostname, t.lifecycle_status AS status, t.provider_ref_json AS ref,
                            \(wakes) AS wakes, d.name AS databaseName, d.engine,
                            p.id AS projectId, p.name AS projectName, p.hostname AS projectHostname
                        FROM database_targets t JOIN databases d ON d.id = t.database_id JOIN projects p ON p.id = d.project_id
                        ORDER BY t.created_at, t.id
                        """
                )
            } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
                // No such table or column.
                throw UnknownSchema(
                    problem: "is a Frost database of an unsupported version (last migration: "
                        + "\(migration ?? "none")): \(error). Update the gateway and frost sync"
                )
            }
        }
    }

    private static func contents(_ tables: Tables) -> FrostContents {
        var branches: [FrostContents.Branch] = []
        var problems: [String] = []
        var ids: Set<String> = []
        for row in tables.branches {
            let isPostgres = text(row, "engine") == "postgres"
            do {
                let branch = try branch(row)
                if ids.insert(branch.target.id).inserted {
                    branches.append(branch)
                } else if isPostgres {
                    problems.append("\(branch.name) has the id of another branch; skipping it")
                }
            } catch {
                if isPostgres { problems.append(error.description) }
            }
        }
        let base = base(tables.wildcard, &problems)
        return FrostContents(
            base: base,
            branches: branches,
            problems: problems,
            installation: FrostInstallation(
                migration: tables.migration,
                projects: tables.projects,
                branches: branches.count(where: \.isPostgres)
            )
        )
    }

    /// The domain of hostnames as users write it: with a leading `*.`, or surrounding spaces. Frost stores an empty
    /// text after its removal. Without a valid one, no branch has a hostname: an unchanged map would route to wrong
    /// branches once Frost reassigns a port.
    private static func base(_ wildcard: String?, _ problems: inout [String]) -> Hostname? {
        var text = (wildcard ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
        if text.hasPrefix("*.") { text.removeFirst(2) }
        guard !text.isEmpty else {
            problems.append("Frost has no wildcard domain, so no branch has a hostname; set one in Frost's settings")
            return nil
        }
        let problem: String
        do {
            let base = try Hostname(text)
            if base.name.utf8.count <= HostnameBuilder.maximumBaseLength { return base }
            problem = "has more than \(HostnameBuilder.maximumBaseLength) characters"
        } catch {
            problem = "is not a domain: it \(error)"
        }
        problems.append(
            "Frost's wildcard domain '\(text.prefix(300))' \(problem); no branch has a hostname. Change it in Frost's settings"
        )
        return nil
    }

    private static func branch(_ row: Row) throws(FrostDatabaseError) -> FrostContents.Branch {
        let id = text(row, "id")
        let name = text(row, "name")
        let status = text(row, "status")
        let projectID = text(row, "projectId")
        let database = text(row, "databaseName") ?? ""
        guard let id, let name, let status, let projectID else {
            let columns = [("id", id), ("name", name), ("lifecycle_status", status), ("project_id", projectID)]
            let missing = columns.filter { $0.1 == nil }.map(\.0).joined(separator: ", ")
            let branch = FrostContents.Branch.name(name ?? id ?? "a branch", of: database)
            throw FrostDatabaseError(description: "\(branch) has no \(missing); skipping it")
        }
        let projectHostname = text(row, "projectHostname")
        let projectName = text(row, "projectName")
        let project = projectName ?? projectHostname ?? projectID
        let reference = text(row, "ref").flatMap {
            try? JSONDecoder().decode(ProviderReference.self, from: Data($0.utf8))
        }
        return FrostContents.Branch(
            target: Target(id: id, name: name, database: database, project: project),
            request: HostnameBuilder.Request(
                targetID: id,
                target: text(row, "hostname") ?? name,
                database: database,
                projectID: projectID,
                project: projectHostname ?? projectName ?? "",
                projectName: project
            ),
            isActive: status == "active",
            wakes: text(row, "wakes").flatMap { Int($0) } ?? 0 > 0,
            hostPort: reference?.hostPort.flatMap { UInt16(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil },
            isPostgres: text(row, "engine") == "postgres"
        )
    }

    private struct ProviderReference: Decodable {
        var hostPort: Int?
    }

    /// A column as text. SQLite allows values of any type in any column, and NULL in a primary key; empty texts count
    /// as missing.
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
}
