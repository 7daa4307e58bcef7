import GRDB

/// A user's name for a branch: `dev` if there is one database, `shop/dev` or `project/shop/dev` if there are several,
/// or its id.
package struct BranchReference: Hashable, Sendable {
    /// The branch's name or id.
    package var name: String
    /// By name or id; nil if not given.
    package var database: String?
    /// By name or id; nil if not given.
    package var project: String?

    /// - Parameters:
    ///   - text: with slashes between project, database and branch; a project's name may have slashes of its own.
    ///   - database: given separately, such as with an option.
    ///   - project: the same.
    /// - Throws: ``BranchError/invalid(_:)`` for an invalid name, or one that contradicts `database` or `project`.
    package init(_ text: String, database: String? = nil, project: String? = nil) throws(BranchError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard !parts.contains(""), let last = parts.last else {
            throw .invalid("invalid branch name '\(text)'; use dev, shop/dev or project/shop/dev")
        }
        name = last
        self.database = parts.count > 1 ? parts[parts.count - 2] : database
        self.project = parts.count > 2 ? parts.dropLast(2).joined(separator: "/") : project
        for (said, apart) in [(self.database, database), (self.project, project)] where apart != nil && said != apart {
            throw .invalid("'\(text)' names \(said ?? "another"), but the option names \(apart ?? "")")
        }
    }
}

extension BranchStore {
    /// The database of an existing or new branch.
    ///
    /// - Throws: ``BranchError/notFound(_:)``; ``BranchError/invalid(_:)`` if it is ambiguous.
    package func database(of reference: BranchReference) throws(BranchError) -> BranchDatabase {
        if let name = reference.database { return try database(name, project: reference.project) }
        let all = try databases(of: reference.project.map { (name) throws(BranchError) in try project(name).id })
        guard let only = all.first else {
            throw .notFound(
                "there is no database yet; create one: \(next: hint.command("database create NAME --project PROJECT"))"
            )
        }
        guard all.count == 1 else {
            let names = try branches().filter { $0.target.name == reference.name }.map(\.displayName)
            let choice = names.isEmpty ? "DATABASE/\(reference.name)" : names.joined(separator: " or ")
            throw .invalid("there are several databases; name one: \(choice)")
        }
        return only
    }

    /// - Throws: the errors of ``database(of:)``, and if the database has no such branch.
    package func branch(_ reference: BranchReference) throws(BranchError) -> BranchDetails {
        if reference.database == nil, reference.name.hasPrefix("\(Identifier.target.rawValue)_"),
            let known = try? branch(id: reference.name)
        {
            return known
        }
        return try branch(reference.name, in: database(of: reference))
    }
}

/// The shortest unambiguous names of branches.
struct BranchNaming {
    private let isOnlyDatabase: Bool
    /// Database names used in several projects.
    private let shared: Set<String>

    init(_ db: Database) throws {
        isOnlyDatabase = try BranchDatabase.fetchCount(db) <= 1
        shared = try Set(
            String.fetchAll(db, sql: "SELECT name FROM database GROUP BY name HAVING COUNT(*) > 1")
        )
    }

    func name(_ project: Project, _ database: BranchDatabase, _ target: BranchTarget) -> String {
        if isOnlyDatabase { return target.name }
        let name = "\(database.name)/\(target.name)"
        return shared.contains(database.name) ? "\(project.name)/\(name)" : name
    }
}
