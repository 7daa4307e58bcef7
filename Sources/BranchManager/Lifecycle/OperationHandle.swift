/// Fills a new database, whose server answers and which nobody is led to yet. Its task is cancelled with the operation.
package typealias DataLoad =
    @Sendable (_ branch: BranchDetails, _ progress: @escaping @Sendable (CopyProgress) -> Void)
    async throws(BranchError) ->
    Void

/// A change of branches that takes time, as a caller asks for it.
package enum BranchRequest: Sendable {
    /// A database with its branch `main`, of a major version of PostgreSQL or of the runtime's own choice.
    /// What `load` does belongs to it.
    case createDatabase(String, in: Project, runtime: RuntimeKind, postgresVersion: Int? = nil, load: DataLoad? = nil)
    /// A database with all its branches.
    case deleteDatabase(BranchDatabase)
    /// A branch as a copy of another, which expires when nobody uses it for the time to live, where it has one.
    case createBranch(String, from: BranchDetails, ttl: BranchTTL? = nil)
    case start(BranchDetails)
    /// Out of the routes first, then its server.
    case stop(BranchDetails)
    /// Restarts the branch's server on the same data and port.
    case deploy(BranchDetails)
    /// The data that another branch has now, on the same port; the branch it was copied from when `to` is nil.
    case reset(BranchDetails, to: BranchDetails?)
    /// Out of the routes, then its server, then its data.
    case delete(BranchDetails)
}

/// An operation that has begun: it is in the store, and it holds the lock of its branch.
///
/// Dropping the handle leaves the operation unfinished, as a crash would: recovery finishes or undoes it.
package struct OperationHandle: Sendable {
    /// The operation's row as it was begun; nil when there is nothing to record, either because there is
    /// nothing to do or because recovery's row already stands for it.
    package let operation: Operation?
    /// The branch that the operation is about; nil together with `operation`.
    package let targetID: String?

    private let rest: @Sendable () async throws(BranchError) -> Void

    init(_ operation: Operation?, rest: @escaping @Sendable () async throws(BranchError) -> Void) {
        self.operation = operation
        targetID = operation?.targetId
        self.rest = rest
    }

    /// Does the rest of the operation and returns at its end. Call it once.
    ///
    /// - Throws: the reason of a failure, which the operation's row keeps as well.
    package func finish() async throws(BranchError) { try await rest() }
}
