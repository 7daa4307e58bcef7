import Foundation
import GRDB
import RouteMap

/// Who has which hostname, and who had it.
extension BranchStore {
    /// Gives every branch a hostname; whoever has or had one that still fits keeps it.
    ///
    /// - Parameter names: hostnames by branch, in place of those that branches have.
    static func assignHostnames(_ db: Database, keeping names: [String: String]? = nil) throws {
        guard let text = try setting(.wildcardBase, in: db), !text.isEmpty else { return }
        let base = try Hostname(text)
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT target.id, target.name, target.hostname, database.name AS databaseName,
                    project.id AS projectId, project.name AS projectName
                FROM target JOIN database ON database.id = target.databaseId JOIN project ON project.id = database.projectId
                ORDER BY target.createdAt, target.rowid
                """
        )
        var current: [String: Hostname] = [:]
        let requests = rows.map { row in
            let id: String = row["id"]
            let hostname: String? = row["hostname"]
            current[id] = hostname.flatMap { try? Hostname($0) }
            return HostnameBuilder.Request(
                targetID: id,
                target: row["name"],
                database: row["databaseName"],
                projectID: row["projectId"],
                project: row["projectName"]
            )
        }
        let now = Date.now
        let before = try ledger(in: db)
        var ledger = before
        ledger.record(requests, names: names?.compactMapValues { try? Hostname($0) } ?? current, at: now)
        let given = try ledger.names(for: requests, base: base, at: now)
        ledger.record(requests, names: given, at: now)
        try write(ledger, over: before, in: db)

        let changed = given.filter { current[$0.key] != $0.value }
        // In two steps: a name may go from one branch to another.
        for id in changed.keys {
            try db.execute(sql: "UPDATE target SET hostname = NULL WHERE id = ?", arguments: [id])
        }
        for (id, name) in changed {
            try db.execute(sql: "UPDATE target SET hostname = ? WHERE id = ?", arguments: [name.name, id])
        }
    }

    private static func ledger(in db: Database) throws -> HostnameLedger {
        var entries: [Hostname: HostnameLedger.Entry] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT * FROM givenHostname") {
            let hostname: String = row["hostname"]
            let place = HostnameBuilder.Place(project: row["project"], database: row["database"], branch: row["branch"])
            entries[try Hostname(hostname)] = HostnameLedger.Entry(
                targetID: row["targetId"],
                place: place,
                freedAt: row["freedAt"]
            )
        }
        return HostnameLedger(entries: entries)
    }

    private static func write(_ ledger: HostnameLedger, over before: HostnameLedger, in db: Database) throws {
        for name in before.entries.keys where ledger.entries[name] == nil {
            try db.execute(sql: "DELETE FROM givenHostname WHERE hostname = ?", arguments: [name.name])
        }
        for (name, entry) in ledger.entries where before.entries[name] != entry {
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO givenHostname (hostname, targetId, project, database, branch, freedAt)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    name.name, entry.targetID, entry.place.project, entry.place.database, entry.place.branch,
                    entry.freedAt,
                ]
            )
        }
    }
}
