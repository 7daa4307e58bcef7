/// Fills a new database, whose server is running but not routed yet. Its task is cancelled with the operation.
package typealias DataLoad =
    @Sendable (_ branch: BranchDetails, _ progress: @escaping @Sendable (CopyProgress) -> Void)
    async throws(BranchError) ->
    Void

/// A requested long-running operation on branches.
package enum BranchRequest: Sendable {
    /// A database with its branch `main`, of a major version of PostgreSQL or the runtime's default. Includes `load`.
    case createDatabase(String, in: Project, runtime: RuntimeKind, postgresVersion: Int? = nil, load: DataLoad? = nil)
    /// A database with all its branches.
    case deleteDatabase(BranchDatabase)
    /// A branch as a copy of another, which expires after its time to live without use, if it has one.
    case createBranch(String, from: BranchDetails, ttl: BranchTTL? = nil)
    case start(BranchDetails)
    /// Removes it from the routes, then stops its server.
    case stop(BranchDetails)
    /// Restarts the branch's server on the same data and port.
    case deploy(BranchDetails)
    /// Replaces its data by another branch's current data, on the same port; by default its source's.
    case reset(BranchDetails, to: BranchDetails?)
    /// Removes it from the routes, then its server, then its data.
    case delete(BranchDetails)
}

/// A started operation, which is recorded in the store and holds the lock of its branch.
///
/// Dropping the handle interrupts the operation like a crash: recovery finishes or undoes it.
package struct OperationHandle: Sendable {
    /// The operation's row at its start; nil if there is nothing to do, or recovery's row already represents it.
    package let operation: Operation?
    /// The operation's branch; nil together with `operation`.
    package let targetID: String?

    private let rest: @Sendable () async throws(BranchError) -> Void

    init(_ operation: Operation?, rest: @escaping @Sendable () async throws(BranchError) -> Void) {
        self.operation = operation
        targetID = operation?.targetId
        self.rest = rest
    }

    /// Runs the rest of the operation and returns at its end. Call it once.
    ///
    /// - Throws: the error, which is also stored in the operation's row.
    package func finish() async throws(BranchError) { try await rest() }
}
