import Foundation
import GRDB

/// A branch with its database and project.
package struct BranchDetails: Hashable, Sendable {
    package var project: Project
    package var database: BranchDatabase
    package var target: BranchTarget
    /// Its former hostnames, sorted by expiry, including recently expired ones.
    package var aliases: [HostnameAlias] = []
    /// nil for a branch that never expires.
    package var expiry: BranchExpiry?

    /// Its shortest unambiguous name when it was read: `dev`, `shop/dev` or `project/shop/dev` (``BranchReference``).
    package var displayName: String

    /// Always `shop/dev`, for stored names.
    package var qualifiedName: String { "\(database.name)/\(target.name)" }
}

extension BranchStore {
    package func projects() throws(BranchError) -> [Project] {
        try read { db in try Project.order(Column("createdAt"), Column.rowID).fetchAll(db) }
    }

    package func databases(of projectID: String? = nil) throws(BranchError) -> [BranchDatabase] {
        try read { db in
            let all = BranchDatabase.order(Column("createdAt"), Column.rowID)
            return try (projectID.map { all.filter(Column("projectId") == $0) } ?? all).fetchAll(db)
        }
    }

    /// All branches, or those of a database, oldest first.
    package func branches(of databaseID: String? = nil) throws(BranchError) -> [BranchDetails] {
        try read { db in try Self.branches(db, of: databaseID) }
    }

    /// A constant number of statements for any number of branches.
    static func branches(_ db: Database, of databaseID: String?) throws -> [BranchDetails] {
        let tables = [BranchTarget.databaseTableName, BranchDatabase.databaseTableName, Project.databaseTableName]
        let parts = splittingRowAdapters(columnCounts: try tables.map { try db.columns(in: $0).count })
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT target.*, database.*, project.* FROM target
                JOIN database ON database.id = target.databaseId JOIN project ON project.id = database.projectId
                WHERE ?1 IS NULL OR target.databaseId = ?1
                ORDER BY target.createdAt, target.rowid
                """,
            arguments: [databaseID],
            adapter: ScopeAdapter(Dictionary(uniqueKeysWithValues: zip(tables, parts)))
        )
        let naming = try BranchNaming(db)
        let aliases = Dictionary(grouping: try HostnameAlias.order(Column("endsAt"), Column("hostname")).fetchAll(db)) {
            $0.targetId
        }
        let expiries = Dictionary(
            uniqueKeysWithValues: try BranchExpiry.fetchAll(db).map { ($0.targetId, $0) }
        )
        return try rows.map { row in
            guard let target = row.scopes[tables[0]], let database = row.scopes[tables[1]],
                let project = row.scopes[tables[2]]
            else { throw BranchError.store("the store has a branch without a database") }
            let parts = (try Project(row: project), try BranchDatabase(row: database), try BranchTarget(row: target))
            return BranchDetails(
                project: parts.0,
                database: parts.1,
                target: parts.2,
                aliases: aliases[parts.2.id] ?? [],
                expiry: expiries[parts.2.id],
                displayName: naming.name(parts.0, parts.1, parts.2)
            )
        }
    }

    /// - Throws: ``BranchError/notFound(_:)``.
    package func branch(id: String) throws(BranchError) -> BranchDetails {
        try read { db in
            guard let target = try BranchTarget.fetchOne(db, key: id) else {
                throw BranchError.notFound("there is no branch \(id)")
            }
            return try Self.details(db, target)
        }
    }

    /// - Throws: ``BranchError/notFound(_:)``.
    package func database(id: String) throws(BranchError) -> BranchDatabase {
        try read { db in
            guard let database = try BranchDatabase.fetchOne(db, key: id) else {
                throw BranchError.notFound("there is no database \(id)")
            }
            return database
        }
    }

    /// A database by its id or its name.
    ///
    /// - Throws: ``BranchError/notFound(_:)``, or ``BranchError/invalid(_:)`` for an ambiguous name.
    package func database(_ text: String, project: String? = nil) throws(BranchError) -> BranchDatabase {
        try read { db in
            var found = try BranchDatabase.filter(Column("id") == text || Column("name") == text).fetchAll(db)
            if let project {
                let owner = try Self.project(db, project)
                found.removeAll { $0.projectId != owner.id }
            }
            guard let first = found.first else { throw BranchError.notFound("there is no database '\(text)'") }
            guard found.count == 1 else {
                throw BranchError.invalid("several projects have a database '\(text)'; choose one with --project")
            }
            return first
        }
    }

    /// A branch by its id or its name in a database.
    package func branch(_ text: String, in database: BranchDatabase) throws(BranchError) -> BranchDetails {
        try read { db in
            let found = try BranchTarget.filter(
                Column("databaseId") == database.id && (Column("id") == text || Column("name") == text)
            )
            .fetchOne(db)
            guard let found else {
                throw BranchError.notFound("the database '\(database.name)' has no branch '\(text)'")
            }
            return try Self.details(db, found)
        }
    }

    package func project(_ text: String) throws(BranchError) -> Project {
        try read { db in try Self.project(db, text) }
    }

    /// Operations on a branch, or on all, latest first.
    package func operations(of targetID: String? = nil, limit: Int = 100) throws(BranchError) -> [Operation] {
        try read { db in
            let all = Operation.order(Column("startedAt").desc, Column.rowID.desc).limit(limit)
            return try (targetID.map { all.filter(Column("targetId") == $0) } ?? all).fetchAll(db)
        }
    }

    /// - Throws: ``BranchError/notFound(_:)``.
    package func operation(id: String) throws(BranchError) -> Operation {
        try read { db in
            guard let operation = try Operation.fetchOne(db, key: id) else {
                throw BranchError.notFound("there is no operation \(id)")
            }
            return operation
        }
    }

    static func project(_ db: Database, _ text: String) throws -> Project {
        guard let project = try Project.filter(Column("id") == text || Column("name") == text).fetchOne(db) else {
            throw BranchError.notFound("there is no project '\(text)'")
        }
        return project
    }

    static func details(_ db: Database, _ target: BranchTarget) throws -> BranchDetails {
        guard let database = try BranchDatabase.fetchOne(db, key: target.databaseId),
            let project = try Project.fetchOne(db, key: database.projectId)
        else { throw BranchError.store("the store has no database of the branch \(target.id)") }
        let aliases = try HostnameAlias.filter(Column("targetId") == target.id)
            .order(Column("endsAt"), Column("hostname")).fetchAll(db)
        return BranchDetails(
            project: project,
            database: database,
            target: target,
            aliases: aliases,
            expiry: try BranchExpiry.fetchOne(db, key: target.id),
            displayName: try BranchNaming(db).name(project, database, target)
        )
    }
}
