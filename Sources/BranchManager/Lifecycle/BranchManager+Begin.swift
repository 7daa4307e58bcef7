extension BranchManager {
    /// Begins an operation: checks that it is allowed, records it in the store, and locks its branch. The work itself
    /// is done by ``OperationHandle/finish()``.
    ///
    /// - Throws: the error that prevents it; then nothing is recorded.
    package func begin(_ request: BranchRequest) async throws(BranchError) -> OperationHandle {
        switch request {
        case .createDatabase(let name, let project, let runtime, let version, let load):
            try await beginCreateDatabase(name, in: project, runtime: runtime, postgresVersion: version, load: load)
        case .deleteDatabase(let database): try await beginDeleteDatabase(database)
        case .createBranch(let name, let source, let ttl): try await beginCreateBranch(name, from: source, ttl: ttl)
        case .start(let branch): try await beginStart(branch)
        case .stop(let branch): try await beginStop(branch)
        case .deploy(let branch): try await beginDeploy(branch)
        case .reset(let branch, let source): try await beginReset(branch, to: source)
        case .delete(let branch): try await beginDelete(branch)
        }
    }

    private func beginCreateBranch(
        _ name: String,
        from source: BranchDetails,
        ttl: BranchTTL?
    ) async throws(BranchError) -> OperationHandle {
        try BranchName.check(name, of: "branch")
        let runtime = try runtime(source.target.runtime)
        let sourceLock = try await lock(source.target.id, .shared)
        let source = try store.branch(id: source.target.id)
        guard source.target.lifecycleStatus.isSettled else { throw unfinished(source.target) }
        try await runtime.checkAvailable()
        let (run, details) = try await register(
            name,
            of: source.database,
            isNew: false,
            source: source.target.id,
            kind: source.target.runtime,
            ttl: ttl
        )
        return OperationHandle(run.operation) { () async throws(BranchError) in
            try await self.make(run, details) { () async throws(BranchError) in
                try run.reach(.copying)
                let turnedOff = try await self.copy(run, from: source, to: details)
                withExtendedLifetime(sourceLock) {}
                try run.reach(.copied, turnedOff: turnedOff)
                try self.inherit(from: self.store.branch(id: source.target.id), to: details)
                try await runtime.adoptCopy(ServerSpec(details))
            }
        }
    }

    /// If the branch is already running, records nothing and ends no session.
    private func beginStart(_ branch: BranchDetails) async throws(BranchError) -> OperationHandle {
        let current = try store.branch(id: branch.target.id)
        if [.active, .recovering].contains(current.target.lifecycleStatus),
            try await runtime(current.target.runtime).isRunning(ServerSpec(current))
        {
            return OperationHandle(nil) { () async throws(BranchError) in }
        }
        return try await handle(.start, branch, status: .starting) { run, details async throws(BranchError) in
            try await self.startUnlessRunning(run, details)
        }
    }

    func startUnlessRunning(_ run: OperationRun, _ details: BranchDetails) async throws(BranchError) {
        // It may have been started between the check and the lock: keep its sessions.
        if run.previous == .active, try await runtime(details.target.runtime).isRunning(ServerSpec(details)) {
            return try run.finish(.succeeded, branch: .active)
        }
        await publishRoutes()
        try await finishStart(run, details)
    }

    private func beginStop(_ branch: BranchDetails) async throws(BranchError) -> OperationHandle {
        try await handle(.stop, branch, status: .stopping) { run, details async throws(BranchError) in
            try await self.finishStop(run, details)
        }
    }

    private func beginDeploy(_ branch: BranchDetails) async throws(BranchError) -> OperationHandle {
        try await handle(.deploy, branch, status: .deploying) { run, details async throws(BranchError) in
            try await self.finishRestart(run, details, adopting: false)
        }
    }

    private func beginReset(
        _ branch: BranchDetails,
        to source: BranchDetails?
    ) async throws(BranchError) -> OperationHandle {
        let id = branch.target.id
        guard !branch.target.isMain else { throw .notAllowed("the branch 'main' cannot be reset") }
        guard let sourceID = source?.target.id ?? branch.target.sourceTargetId else {
            throw .notAllowed(
                "the branch that '\(branch.target.name)' was copied from has been deleted; choose another source"
            )
        }
        guard sourceID != id else { throw .invalid("a branch cannot be reset to itself") }
        let sourceLock = try await lock(sourceID, .shared)
        let source = try store.branch(id: sourceID)
        guard source.target.lifecycleStatus.isSettled else { throw unfinished(source.target) }
        guard source.database.id == branch.database.id, source.target.runtime == branch.target.runtime else {
            throw .invalid("a branch can be reset only to a branch of its own database")
        }
        try await runtime(branch.target.runtime).checkAvailable()
        try store.write { db in try BranchExpiry.renew(db, sourceID) }
        // Copy while the branch still serves: it is down only for a restart.
        return try await handle(.reset, branch, status: nil) { run, details async throws(BranchError) in
            do throws(BranchError) {
                try run.reach(.copying)
                let turnedOff = try await self.cancellable(run) { () async throws(BranchError) in
                    try await self.copy(run, from: source, to: details)
                }
                withExtendedLifetime(sourceLock) {}
                try run.reach(.copied, turnedOff: turnedOff)
            } catch {
                try await Self.uncancelled { () async throws(BranchError) in
                    try await self.undoReset(run, details, because: error)
                }
                throw error
            }
            try self.inherit(from: self.store.branch(id: sourceID), to: details)
            try await self.finishRestart(run, details, adopting: true)
        }
    }

    private func beginDelete(_ branch: BranchDetails) async throws(BranchError) -> OperationHandle {
        guard !branch.target.isMain else {
            throw .notAllowed(
                "the branch 'main' cannot be deleted; delete the database '\(branch.database.name)' instead"
            )
        }
        return try await handle(.delete, branch, status: .deleting) { run, details async throws(BranchError) in
            try await self.finishDelete(run, details)
        }
    }

    private func handle(
        _ action: BranchAction,
        _ branch: BranchDetails,
        status: LifecycleStatus?,
        _ rest: @escaping @Sendable (OperationRun, BranchDetails) async throws(BranchError) -> Void
    ) async throws(BranchError) -> OperationHandle {
        let (run, details) = try await record(action, branch.target.id, status: status)
        return OperationHandle(run.operation) { () async throws(BranchError) in try await rest(run, details) }
    }

    // MARK: Complete operations

    /// Creates a database with its branch `main`.
    ///
    /// - Parameter load: fills it before it is routed; if that fails, nothing is left behind.
    package func createDatabase(
        _ name: String,
        in project: Project,
        runtime: RuntimeKind = .local,
        postgresVersion: Int? = nil,
        load: DataLoad? = nil
    ) async throws(BranchError) -> BranchDetails {
        try await finished(
            .createDatabase(name, in: project, runtime: runtime, postgresVersion: postgresVersion, load: load)
        )
    }

    package func deleteDatabase(_ database: BranchDatabase) async throws(BranchError) {
        try await begin(.deleteDatabase(database)).finish()
    }

    package func createBranch(
        _ name: String,
        from source: BranchDetails,
        ttl: BranchTTL? = nil
    ) async throws(BranchError) -> BranchDetails {
        try await finished(.createBranch(name, from: source, ttl: ttl))
    }

    @discardableResult
    package func start(_ branch: BranchDetails) async throws(BranchError) -> BranchDetails {
        try await finished(.start(branch), of: branch)
    }

    @discardableResult
    package func stop(_ branch: BranchDetails) async throws(BranchError) -> BranchDetails {
        try await finished(.stop(branch), of: branch)
    }

    @discardableResult
    package func deploy(_ branch: BranchDetails) async throws(BranchError) -> BranchDetails {
        try await finished(.deploy(branch), of: branch)
    }

    @discardableResult
    package func reset(
        _ branch: BranchDetails,
        to source: BranchDetails? = nil
    ) async throws(BranchError) -> BranchDetails {
        try await finished(.reset(branch, to: source), of: branch)
    }

    package func delete(_ branch: BranchDetails) async throws(BranchError) {
        try await begin(.delete(branch)).finish()
    }

    /// - Parameter branch: nil if the operation creates it.
    private func finished(
        _ request: BranchRequest,
        of branch: BranchDetails? = nil
    ) async throws(BranchError) -> BranchDetails {
        let handle = try await begin(request)
        try await handle.finish()
        guard let id = handle.targetID ?? branch?.target.id else {
            throw .store("the store has no record of the operation")
        }
        return try store.branch(id: id)
    }
}
