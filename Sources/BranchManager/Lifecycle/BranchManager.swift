import Foundation
import GRDB
import RouteMap

/// Hears when the store says something else of routes.
package protocol RouteListener: Sendable {
    /// Returns when the route map says it too, or after a bounded time: a route map that cannot be
    /// written never holds up a branch for ever.
    func routesChanged() async
}

/// Makes branches and takes them through their life.
///
/// Every operation is recorded before it begins and after each step, so that what a crash leaves
/// half done is finished or undone by ``recover()``. One operation at a time on a branch, over all
/// processes; many branches side by side.
package final class BranchManager: Sendable {
    package let store: BranchStore
    let runtimes: [RuntimeKind: any BranchRuntime]
    let routes: any RouteListener
    private let locks: String
    private let hostPorts: ClosedRange<Int>
    private let reached: @Sendable (BranchAction, OperationStep) -> Void

    /// Ports of branches, where nothing else is said: the first free one is taken.
    package static let defaultHostPorts = 10_000...20_000
    /// The role that owns a new database.
    package static let username = "frost"

    /// - Parameters:
    ///   - directory: for locks; the same for all processes that use the store.
    ///   - hostPorts: of branches.
    ///   - reached: called after each step; tests of crashes end the process in it.
    package init(
        store: BranchStore,
        runtimes: [RuntimeKind: any BranchRuntime],
        routes: any RouteListener,
        directory: String,
        hostPorts: ClosedRange<Int> = BranchManager.defaultHostPorts,
        reached: @escaping @Sendable (BranchAction, OperationStep) -> Void = { _, _ in }
    ) throws(BranchError) {
        self.store = store
        self.runtimes = runtimes
        self.routes = routes
        self.hostPorts = hostPorts
        self.reached = reached
        locks = "\(directory)/locks"
        do {
            try FileManager.default.createDirectory(
                atPath: locks,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw .store("\(locks) cannot be made: \(error.localizedDescription)")
        }
    }

    func runtime(_ kind: RuntimeKind) throws(BranchError) -> any BranchRuntime {
        guard let runtime = runtimes[kind] else {
            throw .runtime("the runtime '\(kind.rawValue)' is not available here")
        }
        return runtime
    }

    func lock(_ targetID: String, _ mode: OperationLock.Mode) throws(BranchError) -> OperationLock {
        try OperationLock(targetID, mode, in: locks)
    }

    func forgetLock(_ targetID: String) { OperationLock.forget(targetID, in: locks) }

    // MARK: Projects and databases

    package func createProject(_ name: String) throws(BranchError) -> Project {
        try BranchName.checkProject(name)
        let project = Project(id: Identifier.project.make(), name: name, createdAt: .now)
        try store.write { db in
            guard try Project.filter(Column("name") == name).isEmpty(db) else {
                throw BranchError.exists("there is a project '\(name)' already")
            }
            try project.insert(db)
        }
        return project
    }

    /// Renames a project, and with it the hostnames of its branches.
    package func renameProject(_ project: Project, to name: String) async throws(BranchError) {
        try BranchName.checkProject(name)
        try store.write { db in
            guard try Project.filter(Column("name") == name && Column("id") != project.id).isEmpty(db) else {
                throw BranchError.exists("there is a project '\(name)' already")
            }
            try db.execute(sql: "UPDATE project SET name = ? WHERE id = ?", arguments: [name, project.id])
            try BranchStore.assignHostnames(db)
        }
        await routes.routesChanged()
    }

    package func deleteProject(_ project: Project) throws(BranchError) {
        try store.write { db in
            guard try BranchDatabase.filter(Column("projectId") == project.id).isEmpty(db) else {
                throw BranchError.notAllowed("the project '\(project.name)' has databases; delete them first")
            }
            try project.delete(db)
        }
    }

    /// Makes a database with its branch `main`.
    package func createDatabase(
        _ name: String,
        in project: Project,
        runtime kind: RuntimeKind = .local
    ) async throws(BranchError) -> BranchDetails {
        try BranchName.check(name, of: "database")
        let runtime = try runtime(kind)
        let database = BranchDatabase(
            id: Identifier.database.make(),
            projectId: project.id,
            name: name,
            username: Self.username,
            password: Self.makePassword(),
            databaseName: name,
            createdAt: .now
        )
        let (run, details) = try register(BranchName.main, of: database, isNew: true, source: nil, kind: kind)
        return try await make(run, details) { () async throws(BranchError) in
            try run.reach(.copying)
            try await runtime.initialize(ServerSpec(details))
        }
    }

    /// Deletes a database with all its branches.
    package func deleteDatabase(_ database: BranchDatabase) async throws(BranchError) {
        // Copies before what they were copied from; `main` last.
        for branch in try store.branches(of: database.id).reversed() { try await remove(branch) }
        try store.write { db in _ = try database.delete(db) }
    }

    // MARK: Branches

    /// Makes a branch as a copy of another.
    package func createBranch(
        _ name: String,
        from source: BranchDetails
    ) async throws(BranchError) -> BranchDetails {
        try BranchName.check(name, of: "branch")
        let runtime = try runtime(source.target.runtime)
        let sourceLock = try lock(source.target.id, .shared)
        let source = try store.branch(id: source.target.id)
        let (run, details) = try register(
            name,
            of: source.database,
            isNew: false,
            source: source.target.id,
            kind: source.target.runtime
        )
        return try await make(run, details) { () async throws(BranchError) in
            try run.reach(.copying)
            try await runtime.copy(from: ServerSpec(source), to: ServerSpec(details))
            withExtendedLifetime(sourceLock) {}
            try run.reach(.copied)
            try await runtime.adoptCopy(ServerSpec(details))
        }
    }

    /// Changes a branch's name, and its hostname with it, in one step. Sessions go on.
    package func rename(_ branch: BranchDetails, to name: String) async throws(BranchError) -> BranchDetails {
        try BranchName.check(name, of: "branch")
        let id = branch.target.id
        let lock = try lock(id, .exclusive)
        try store.write { db in
            let current = try Self.current(db, id)
            guard !current.isMain else { throw BranchError.notAllowed("the branch 'main' cannot be renamed") }
            guard current.lifecycleStatus.allows(.rename) else { throw Self.unfinished(current) }
            let others = BranchTarget.filter(
                Column("databaseId") == current.databaseId && Column("name") == name && Column("id") != id
            )
            guard try others.isEmpty(db) else {
                throw BranchError.exists("the database has a branch '\(name)' already")
            }
            try db.execute(sql: "UPDATE target SET name = ? WHERE id = ?", arguments: [name, id])
            try BranchStore.assignHostnames(db)
            try Operation(
                id: Identifier.operation.make(),
                targetId: id,
                action: .rename,
                status: .succeeded,
                step: nil,
                message: "\(current.name) -> \(name)",
                startedAt: .now,
                finishedAt: .now
            ).insert(db)
        }
        withExtendedLifetime(lock) {}
        await routes.routesChanged()
        return try store.branch(id: id)
    }

    // MARK: Registering

    /// Enters a new branch and the operation that makes it.
    private func register(
        _ name: String,
        of database: BranchDatabase,
        isNew: Bool,
        source: String?,
        kind: RuntimeKind
    ) throws(BranchError) -> (OperationRun, BranchDetails) {
        let id = Identifier.target.make()
        let lock = try lock(id, .exclusive)
        let operation = Operation(
            id: Identifier.operation.make(),
            targetId: id,
            action: .create,
            status: .running,
            step: OperationStep.registered.rawValue,
            message: nil,
            startedAt: .now,
            finishedAt: nil
        )
        let details = try store.write { db in
            if isNew {
                let others = BranchDatabase.filter(
                    Column("projectId") == database.projectId && Column("name") == database.name
                )
                guard try others.isEmpty(db) else {
                    throw BranchError.exists("the project has a database '\(database.name)' already")
                }
                try database.insert(db)
            }
            guard try BranchTarget.filter(Column("databaseId") == database.id && Column("name") == name).isEmpty(db)
            else {
                throw BranchError.exists("the database '\(database.name)' has a branch '\(name)' already")
            }
            let target = BranchTarget(
                id: id,
                databaseId: database.id,
                name: name,
                sourceTargetId: source,
                runtime: kind,
                hostPort: try Self.freePort(db, of: hostPorts),
                lifecycleStatus: .creating,
                reason: nil,
                hostname: nil,
                createdAt: .now
            )
            try target.insert(db)
            try operation.insert(db)
            try BranchStore.assignHostnames(db)
            return try BranchStore.details(db, Self.current(db, id))
        }
        let run = OperationRun(
            id: operation.id,
            targetID: id,
            action: .create,
            store: store,
            lock: lock,
            reached: reached
        )
        reached(.create, .registered)
        return (run, details)
    }

    /// Begins an operation on a branch that is there.
    func begin(_ action: BranchAction, _ id: String, status: LifecycleStatus?) throws(BranchError) -> (
        OperationRun, BranchDetails
    ) {
        let lock = try lock(id, .exclusive)
        let operation = Operation(
            id: Identifier.operation.make(),
            targetId: id,
            action: action,
            status: .running,
            step: OperationStep.registered.rawValue,
            message: nil,
            startedAt: .now,
            finishedAt: nil
        )
        let details = try store.write { db in
            var target = try Self.current(db, id)
            guard target.lifecycleStatus.allows(action) else { throw Self.unfinished(target) }
            // Of an operation that a crash cut off, and that this one makes an end of.
            try db.execute(
                sql:
                    "UPDATE operation SET status = 'failed', message = 'interrupted', finishedAt = ? WHERE targetId = ? AND status = 'running'",
                arguments: [Date.now, id]
            )
            if let status {
                target.lifecycleStatus = status
                target.reason = nil
                try target.update(db)
            }
            try operation.insert(db)
            return try BranchStore.details(db, target)
        }
        let run = OperationRun(
            id: operation.id,
            targetID: id,
            action: action,
            store: store,
            lock: lock,
            reached: reached
        )
        reached(action, .registered)
        return (run, details)
    }

    /// An operation that a crash cut off, taken up again.
    func resume(_ operation: Operation, with lock: OperationLock) -> OperationRun {
        OperationRun(
            id: operation.id,
            targetID: operation.targetId,
            action: operation.action,
            store: store,
            lock: lock,
            reached: reached
        )
    }

    private static func current(_ db: Database, _ id: String) throws -> BranchTarget {
        guard let target = try BranchTarget.fetchOne(db, key: id) else {
            throw BranchError.notFound("there is no branch \(id)")
        }
        return target
    }

    private static func unfinished(_ target: BranchTarget) -> BranchError {
        .busy(
            "the branch '\(target.name)' is \(target.lifecycleStatus.rawValue); try again when that is done, or run: frost recover"
        )
    }

    /// The first port that no branch has and that nothing listens on.
    private static func freePort(_ db: Database, of hostPorts: ClosedRange<Int>) throws -> Int {
        let taken = Set(try Int.fetchAll(db, sql: "SELECT hostPort FROM target"))
        for port in hostPorts where !taken.contains(port) && LocalPort.isFree(port) { return port }
        throw BranchError.notAllowed(
            "all ports from \(hostPorts.lowerBound) to \(hostPorts.upperBound) are taken; delete branches"
        )
    }

    /// 24 random bytes, in base64url: nothing in it has to be escaped in a connection string.
    private static func makePassword() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<24).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
    }
}
