import Foundation
import GRDB
package import RouteMap

/// Who has which hostname, and who had it.
extension BranchStore {
    /// Gives every branch a hostname; a branch whose current or former hostname still fits keeps it.
    ///
    /// - Parameters:
    ///   - names: hostnames by branch, in place of those that branches have.
    ///   - duration: for how long those whose hostname changes are still reached by the old one; nil for not at all.
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
        // In two steps: a name may go from one branch to another.
        for id in changed.keys {
            try db.execute(sql: "UPDATE target SET hostname = NULL WHERE id = ?", arguments: [id])
        }
        for (id, name) in changed {
            try db.execute(sql: "UPDATE target SET hostname = ? WHERE id = ?", arguments: [name.name, id])
        }
        // A branch that takes a former name again has it for good.
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

    /// Takes the hostnames of all branches away, the former ones too.
    ///
    /// - Parameter duration: for how long branches are still reached by them; nil for not at all.
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

    /// What hostnames would be if the wildcard domain were another; nothing is changed.
    ///
    /// - Parameter base: nil for none.
    /// - Returns: of all branches, the oldest first.
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

/// A branch, and the hostname that it would have.
package struct HostnameChange: Hashable, Sendable {
    package var branch: BranchDetails
    package var hostname: String?

    /// Whether the branch loses the hostname that it has.
    package var isLoss: Bool { branch.target.hostname != nil && branch.target.hostname != hostname }
}

/// Which hostnames branches get under a wildcard domain.
private struct HostnamePlan {
    let requests: [HostnameBuilder.Request]
    /// Of those that have one.
    let current: [String: Hostname]
    /// The branches that former hostnames lead to.
    let aliases: [Hostname: String]
    let given: [String: Hostname]
    /// With what branches had until now.
    var ledger: HostnameLedger

    /// - Parameter names: hostnames by branch, in place of those that branches have.
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
