package import Foundation
import GRDB

/// A hostname of a branch, running or not.
package struct HostnameInUse: Hashable, Sendable {
    package var hostname: String
    package var targetID: String
    /// For a former hostname; nil for a branch's current one.
    package var endsAt: Date?
}

/// Former hostnames that keep working for a time.
extension BranchStore {
    /// All hostnames of branches in any state, including former ones that have not expired, sorted by name.
    package func hostnamesInUse(at now: Date = .now) throws(BranchError) -> [HostnameInUse] {
        try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT hostname, id AS targetId, NULL AS endsAt FROM target WHERE hostname IS NOT NULL
                    UNION ALL SELECT hostname, targetId, endsAt FROM hostnameAlias WHERE endsAt > ?
                    ORDER BY hostname
                    """,
                arguments: [now]
            )
            return rows.map { HostnameInUse(hostname: $0["hostname"], targetID: $0["targetId"], endsAt: $0["endsAt"]) }
        }
    }

    /// Former hostnames that have not expired, sorted by expiry.
    package func aliases(at now: Date = .now) throws(BranchError) -> [HostnameAlias] {
        try read { db in try Self.aliases(db, at: now) }
    }

    static func aliases(_ db: Database, at now: Date) throws -> [HostnameAlias] {
        try HostnameAlias.filter(Column("endsAt") > now).order(Column("endsAt"), Column("hostname")).fetchAll(db)
    }

    /// Removes expired former hostnames, even on a full disk.
    package func endAliases(at now: Date) throws(BranchError) {
        // Usually there is nothing to write.
        let isDue = try read { db in try !HostnameAlias.filter(Column("endsAt") <= now).isEmpty(db) }
        if isDue { try write(urgent: true) { db in try Self.endAliases(db, at: now) } }
    }

    static func endAliases(_ db: Database, at now: Date) throws {
        for alias in try HostnameAlias.filter(Column("endsAt") <= now).fetchAll(db) {
            try end(alias, in: db, at: min(alias.endsAt, .now))
        }
    }

    /// From here on the name is not routed, and no other branch gets it for as long as the ledger keeps it.
    static func end(_ alias: HostnameAlias, in db: Database, at time: Date) throws {
        try alias.delete(db)
        let second = Date(timeIntervalSince1970: time.timeIntervalSince1970.rounded(.down))
        try db.execute(
            sql: "UPDATE givenHostname SET freedAt = ? WHERE hostname = ? AND targetId = ?",
            arguments: [second, alias.hostname, alias.targetId]
        )
    }
}

/// The effect of a change on former hostnames, so that it can be reverted.
struct AliasChanges: Sendable {
    private var made: [HostnameAlias] = []
    private var ended: [HostnameAlias] = []

    /// Runs a change, and records its effect.
    static func noting<Value>(_ db: Database, _ body: () throws -> Value) throws -> (Value, AliasChanges) {
        let before = Set(try HostnameAlias.fetchAll(db))
        let value = try body()
        let after = Set(try HostnameAlias.fetchAll(db))
        return (value, AliasChanges(made: Array(after.subtracting(before)), ended: Array(before.subtracting(after))))
    }

    /// Call it after the branches have their hostnames back.
    func undo(in db: Database) throws {
        for alias in made {
            // Not one that was set again in the meantime.
            if try HostnameAlias.fetchOne(db, key: alias.hostname) == alias { try alias.delete(db) }
        }
        for alias in ended {
            guard try BranchTarget.fetchOne(db, key: alias.targetId) != nil,
                try BranchTarget.filter(Column("hostname") == alias.hostname).isEmpty(db),
                try HostnameAlias.fetchOne(db, key: alias.hostname) == nil
            else { continue }
            try alias.insert(db)
            try db.execute(
                sql: "UPDATE givenHostname SET freedAt = NULL WHERE hostname = ? AND targetId = ?",
                arguments: [alias.hostname, alias.targetId]
            )
        }
    }
}
