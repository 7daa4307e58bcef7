import ArgumentParser
import BranchManager

/// The branch of a command.
struct BranchSelection: ParsableArguments {
    @Argument(
        help: "The branch: dev, or shop/dev or project/shop/dev if there are several databases.",
        completion: BranchCompletion.branches
    )
    var branch: String
    @OptionGroup var place: BranchPlace

    func find(in store: BranchStore) throws -> BranchDetails { try store.branch(place.reference(branch)) }
}

/// The database and project of a branch, if not part of its name.
struct BranchPlace: ParsableArguments {
    @Option(help: "Its database (name or id).", completion: BranchCompletion.databases) var database: String?
    @Option(help: "Its project, if several have a database of this name.") var project: String?

    func reference(_ text: String) throws(BranchError) -> BranchReference {
        try BranchReference(text, database: database, project: project)
    }

    /// A branch to copy, from the same database.
    static func source(
        _ text: String,
        of database: BranchDatabase,
        in store: BranchStore
    ) throws(BranchError) -> BranchDetails {
        let reference = try BranchReference(text)
        guard reference.database != nil else { return try store.branch(reference.name, in: database) }
        let source = try store.branch(reference)
        guard source.database.id == database.id else {
            throw .invalid("'\(text)' is a branch of another database; use one of the same database")
        }
        return source
    }
}
