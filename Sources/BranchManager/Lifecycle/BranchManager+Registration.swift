import Foundation
import GRDB

extension BranchManager {
    /// Records a new branch and the operation that creates it.
    func register(
        _ name: String,
        of database: BranchDatabase,
        isNew: Bool,
        source: String?,
        kind: RuntimeKind,
        postgresVersion: Int? = nil,
        ttl: BranchTTL? = nil
    ) async throws(BranchError) -> (OperationRun, BranchDetails) {
        let id = Identifier.target.make()
        let lock = try await lock(id, .exclusive)
        let operation = Operation(
            id: Identifier.operation.make(),
            targetId: id,
            targetName: "\(database.name)/\(name)",
            action: .create,
            status: .running,
            step: OperationStep.registered.rawValue,
            message: nil,
            startedAt: .now,
            finishedAt: nil
        )
        let details = try forgetting(id) { () throws(BranchError) in
            try store.write { db in
                if !isNew {
                    guard let current = try BranchDatabase.fetchOne(db, key: database.id), !current.isDeleting else {
                        throw BranchError.notFound("the database '\(database.name)' is being deleted")
                    }
                } else {
                    let others = BranchDatabase.filter(
                        Column("projectId") == database.projectId && Column("name") == database.name
                    )
                    guard try others.isEmpty(db) else {
                        throw BranchError.exists("the project already has a database '\(database.name)'")
                    }
                    try database.insert(db)
                }
                guard try BranchTarget.filter(Column("databaseId") == database.id && Column("name") == name).isEmpty(db)
                else {
                    throw BranchError.exists("the database '\(database.name)' already has a branch '\(name)'")
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
                    createdAt: .now,
                    postgresVersion: postgresVersion
                )
                try target.insert(db)
                try operation.insert(db)
                if let ttl { try BranchExpiry(targetId: id, ttl: ttl, at: .now).insert(db) }
                if let source { try BranchExpiry.renew(db, source) }
                try BranchStore.assignHostnames(db)
                return try BranchStore.details(db, Self.current(db, id))
            }
        }
        let run = OperationRun(
            operation: operation,
            previous: nil,
            store: store,
            lock: lock,
            didComplete: didComplete
        )
        didComplete(.create, .registered)
        return (run, details)
    }

    /// Records a branch, completely or not at all.
    private func forgetting<Value>(_ id: String, _ body: () throws(BranchError) -> Value) throws(BranchError) -> Value {
        do throws(BranchError) {
            return try body()
        } catch {
            OperationLock.forget(id, in: locks)
            throw error
        }
    }

    /// Records the start of an operation on an existing branch, and locks the branch for it.
    ///
    /// - Parameters:
    ///   - expected: the required status of the branch.
    ///   - retries: whether to continue in the row of its last failed try.
    ///   - isRestart: whether to continue in the row of the previous unsuccessful starts.
    ///   - actor: operations of users count as use of the branch.
    ///   - body: runs in the same transaction; if it throws, nothing is recorded.
    func record(
        _ action: BranchAction,
        _ id: String,
        status: LifecycleStatus?,
        expecting expected: LifecycleStatus? = nil,
        retries: Bool = false,
        isRestart: Bool = false,
        by actor: Operation.Actor = .user,
        _ body: @Sendable (Database) throws -> Void = { _ in }
    ) async throws(BranchError) -> (OperationRun, BranchDetails) {
        let lock = try await lock(id, .exclusive)
        // Operations that free space must work on a full disk, including their route map.
        let isFreeing = action == .stop || action == .expire || action == .delete
        if isFreeing, store.reserve.isDiskFull { store.reserve.release() }
        let new = Operation(
            id: Identifier.operation.make(),
            targetId: id,
            targetName: nil,
            action: action,
            status: .running,
            step: OperationStep.registered.rawValue,
            message: nil,
            startedAt: .now,
            finishedAt: nil,
            actor: isRestart ? .frost : actor
        )
        let (operation, details, previous) = try store.write(urgent: isFreeing) { db in
            var target = try Self.current(db, id)
            let previous = target.lifecycleStatus
            let restart = isRestart ? try Self.unsettledRestart(db, of: target) : nil
            guard previous.allows(action), previous == expected ?? previous else { throw unfinished(target) }
            // An interrupted operation, which this one supersedes.
            try db.execute(
                sql:
                    "UPDATE operation SET status = 'failed', message = 'interrupted', finishedAt = ? WHERE targetId = ? AND status = 'running'",
                arguments: [Date.now, id]
            )
            try body(db)
            if new.actor == .user { try BranchExpiry.renew(db, id) }
            if let status {
                target.lifecycleStatus = status
                target.reason = nil
                try target.update(db)
            }
            let details = try BranchStore.details(db, target)
            var operation = new
            operation.targetName = details.qualifiedName
            if retries, let last = try Self.lastTry(db, action, id) {
                operation.id = last.id
                operation.startedAt = last.startedAt
            }
            if isRestart {
                operation.id = restart?.id ?? operation.id
                operation.startedAt = restart?.startedAt ?? operation.startedAt
                operation.triedAt = .now
            }
            try operation.save(db)
            return (operation, details, previous)
        }
        let run = OperationRun(
            operation: operation,
            previous: previous,
            store: store,
            lock: lock,
            didComplete: didComplete
        )
        didComplete(action, .registered)
        return (run, details)
    }

    /// The last operation on a branch, if it was this action and failed.
    static func lastTry(_ db: Database, _ action: BranchAction, _ id: String) throws -> Operation? {
        let last = try Operation.filter(Column("targetId") == id).order(Column.rowID.desc).fetchOne(db)
        return last?.action == action && last?.status == .failed ? last : nil
    }

    /// Resumes an interrupted operation.
    func resume(_ operation: Operation, with lock: OperationLock) -> OperationRun {
        OperationRun(
            operation: operation,
            previous: nil,
            store: store,
            lock: lock,
            didComplete: didComplete
        )
    }

    static func current(_ db: Database, _ id: String) throws -> BranchTarget {
        guard let target = try BranchTarget.fetchOne(db, key: id) else {
            throw BranchError.notFound("there is no branch \(id)")
        }
        return target
    }

    func unfinished(_ target: BranchTarget) -> BranchError {
        .busy(
            "the branch '\(target.name)' is \(target.lifecycleStatus.rawValue); try again when that is done, or run: "
                + "\(next: store.hint.command("recover"))"
        )
    }

    /// The first port that no branch uses, that was not freed recently, and that nothing listens on.
    private static func freePort(_ db: Database, of hostPorts: ClosedRange<Int>) throws -> Int {
        try db.execute(
            sql: "DELETE FROM freedPort WHERE freedAt < ?",
            arguments: [Date.now.addingTimeInterval(-BranchManager.freedPortRest)]
        )
        let taken = Set(try Int.fetchAll(db, sql: "SELECT hostPort FROM target UNION SELECT hostPort FROM freedPort"))
        for port in hostPorts where !taken.contains(port) && LocalPort.isFree(port) { return port }
        throw BranchError.notAllowed(
            "all ports from \(hostPorts.lowerBound) to \(hostPorts.upperBound) are in use, or were less than "
                + "\(Int(BranchManager.freedPortRest)) s ago; delete branches, or allow more with --host-ports"
        )
    }

    /// 24 random bytes in base64url, which needs no escapes in a connection string.
    static func makePassword() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<24).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
    }
}
