import Foundation
import GRDB
package import RouteMap

/// Current and former hostnames of branches.
extension BranchStore {
    /// Gives every branch a hostname; a branch whose current or former hostname still fits keeps it.
    ///
    /// - Parameters:
    ///   - names: hostnames by branch, used instead of the current ones.
    ///   - duration: how long old hostnames keep working; nil for not at all.
    static func assignHostnames(
        _ db: Database,
        keeping names: [String: String]? = nil,
        oldOnesFor duration: AliasDuration? = nil
    ) throws {
        guard let text = try setting(.wildcardBase, in: db), !text.isEmpty else { return }
        let now = Date.now
        try endAliases(db, at: now)
        let before = try ledger(in: db)
        var plan = try HostnamePlan(db, base: Hostname(text), keeping: names, ledger: before, at: now)
        let changed = plan.given.filter { plan.current[$0.key] != $0.value }
        // In two steps, because a name may move from one branch to another.
        for id in changed.keys {
            try db.execute(sql: "UPDATE target SET hostname = NULL WHERE id = ?", arguments: [id])
        }
        for (id, name) in changed {
            try db.execute(sql: "UPDATE target SET hostname = ? WHERE id = ?", arguments: [name.name, id])
        }
        // A branch that takes a former name again owns it permanently.
        let given = Set(plan.given.values)
        for name in plan.aliases.keys where given.contains(name) {
            try db.execute(sql: "DELETE FROM hostnameAlias WHERE hostname = ?", arguments: [name.name])
        }
        var lingering = Set(plan.aliases.keys).subtracting(given)
        if let duration {
            for id in changed.keys {
                guard let old = plan.current[id], !given.contains(old) else { continue }
                try HostnameAlias(hostname: old.name, targetId: id, endsAt: duration.end(from: now)).save(db)
                lingering.insert(old)
            }
        }
        plan.ledger.record(plan.requests, names: plan.given, lingering: lingering, at: now)
        try write(plan.ledger, over: before, in: db)
    }

    /// Removes the hostnames of all branches, including former ones.
    ///
    /// - Parameter duration: how long they keep working; nil for not at all.
    static func takeHostnames(_ db: Database, keepingFor duration: AliasDuration?) throws {
        let now = Date.now
        try endAliases(db, at: duration == nil ? .distantFuture : now)
        if let duration {
            try db.execute(
                sql: """
                    INSERT INTO hostnameAlias (hostname, targetId, endsAt)
                    SELECT hostname, id, ? FROM target WHERE hostname IS NOT NULL
                    """,
                arguments: [duration.end(from: now)]
            )
        }
        try db.execute(sql: "UPDATE target SET hostname = NULL")
    }

    /// The hostnames under a new wildcard domain. Changes nothing.
    ///
    /// - Parameter base: nil for none.
    /// - Returns: for all branches, oldest first.
    package func hostnames(under base: Hostname?) throws(BranchError) -> [HostnameChange] {
        try read { db in
            let branches = try Self.branches(db, of: nil)
            let given = try base.map { base in
                try HostnamePlan(db, base: base, ledger: Self.ledger(in: db), at: .now).given
            }
            return branches.map { HostnameChange(branch: $0, hostname: given?[$0.target.id]?.name) }
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

/// A branch, and its new hostname.
package struct HostnameChange: Hashable, Sendable {
    package var branch: BranchDetails
    package var hostname: String?

    /// Whether the branch loses its current hostname.
    package var isLoss: Bool { branch.target.hostname != nil && branch.target.hostname != hostname }
}

/// Assigns the hostnames of branches under a wildcard domain.
private struct HostnamePlan {
    let requests: [HostnameBuilder.Request]
    /// Of branches with a hostname.
    let current: [String: Hostname]
    /// The branches of former hostnames.
    let aliases: [Hostname: String]
    let given: [String: Hostname]
    /// Includes the previous hostnames of branches.
    var ledger: HostnameLedger

    /// - Parameter names: hostnames by branch, used instead of the current ones.
    init(
        _ db: Database,
        base: Hostname,
        keeping names: [String: String]? = nil,
        ledger before: HostnameLedger,
        at now: Date
    ) throws {
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
        self.requests = requests
        self.current = current
        aliases = Dictionary(
            uniqueKeysWithValues: try BranchStore.aliases(db, at: now).map { (try Hostname($0.hostname), $0.targetId) }
        )
        var ledger = before
        ledger.record(
            requests,
            names: names?.compactMapValues { try? Hostname($0) } ?? current,
            lingering: Set(aliases.keys),
            at: now
        )
        given = try ledger.names(for: requests, base: base, aliases: aliases, at: now)
        self.ledger = ledger
    }
}
