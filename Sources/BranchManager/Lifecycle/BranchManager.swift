import Foundation
import GRDB
import RouteMap

/// Listens for changes of routes in the store.
package protocol RouteListener: Sendable {
    /// Returns when the route map is up to date. Retries continue after this has failed.
    ///
    /// - Throws: ``BranchError/store(_:)`` after a bounded time, so that an unwritable route map does not block a
    ///   branch forever.
    func routesChanged() async throws(BranchError)
}

/// Creates branches and runs their operations.
///
/// Every operation is recorded before it starts and after each step, so that ``recover()`` can finish or undo it after
/// a crash. One operation at a time per branch, over all processes; branches are independent.
package final class BranchManager: Sendable {
    package let store: BranchStore
    let runtimes: [RuntimeKind: any BranchRuntime]
    private let unavailable: [RuntimeKind: BranchError]
    let routes: any RouteListener
    let locks: String
    let hostPorts: ClosedRange<Int>
    let didComplete: @Sendable (BranchAction, OperationStep) -> Void
    let copied: @Sendable (CopyProgress) -> Void
    let isStopping: @Sendable () -> Bool
    let isCancelling: @Sendable () -> Bool

    /// The default port range of branches; each gets the first free port.
    package static let defaultHostPorts = 10_000...20_000
    /// How long the port of a deleted branch stays unused, in seconds: longer than a gateway takes to follow the route
    /// map.
    static let freedPortRest = 60.0
    /// The owner role of a new database.
    package static let username = "frost"

    /// - Parameters:
    ///   - unavailable: why a runtime is missing.
    ///   - directory: for locks; the same for all processes on the store.
    ///   - hostPorts: of branches.
    ///   - didComplete: called after each step; tests of crashes end the process in it.
    ///   - copied: called now and then during a copy.
    ///   - isStopping: whether operations that only wait for their turn are abandoned.
    ///   - isCancelling: whether cancellable operations are cancelled, such as on Ctrl-C in a command.
    package init(
        store: BranchStore,
        runtimes: [RuntimeKind: any BranchRuntime],
        unavailable: [RuntimeKind: BranchError] = [:],
        routes: any RouteListener,
        directory: String,
        hostPorts: ClosedRange<Int> = BranchManager.defaultHostPorts,
        didComplete: @escaping @Sendable (BranchAction, OperationStep) -> Void = { _, _ in },
        copied: @escaping @Sendable (CopyProgress) -> Void = { _ in },
        isStopping: @escaping @Sendable () -> Bool = { false },
        isCancelling: @escaping @Sendable () -> Bool = { false }
    ) throws(BranchError) {
        self.store = store
        self.runtimes = runtimes
        self.unavailable = unavailable
        self.routes = routes
        self.hostPorts = hostPorts
        self.didComplete = didComplete
        self.copied = copied
        self.isStopping = isStopping
        self.isCancelling = isCancelling
        locks = "\(directory)/locks"
        do {
            try FileManager.default.createDirectory(
                atPath: locks,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw .store("could not create \(locks): \(error.localizedDescription)")
        }
    }

    func runtime(_ kind: RuntimeKind) throws(BranchError) -> any BranchRuntime {
        guard let runtime = runtimes[kind] else {
            throw unavailable[kind] ?? .runtime("the runtime '\(kind.rawValue)' is not available here")
        }
        return runtime
    }

    func lock(_ targetID: String, _ mode: OperationLock.Mode) async throws(BranchError) -> OperationLock {
        try await OperationLock.take(targetID, mode, in: locks)
    }

    /// nil if another process holds it; does not wait.
    func lockNow(_ targetID: String) -> OperationLock? {
        try? OperationLock(targetID, .exclusive, in: locks)
    }

    func forgetLock(_ targetID: String) {
        OperationLock.forget(targetID, in: locks)
        OperationLock.forget(Self.turnName(targetID), in: locks)
    }

    /// Why a runtime cannot create servers on this host now; nil if it can.
    package func unavailability(of kind: RuntimeKind) async -> String? {
        do throws(BranchError) {
            try await runtime(kind).checkAvailable()
            return nil
        } catch {
            return error.description
        }
    }

    /// For changes where an outdated route map does no harm: the listener reports the error and retries.
    func publishRoutes() async {
        do throws(BranchError) { try await routes.routesChanged() } catch {}
    }

    // MARK: Projects and databases

    package func createProject(_ name: String) throws(BranchError) -> Project {
        try BranchName.checkProject(name)
        let project = Project(id: Identifier.project.make(), name: name, createdAt: .now)
        try store.write { db in
            guard try Project.filter(Column("name") == name).isEmpty(db) else {
                throw BranchError.exists("a project '\(name)' already exists")
            }
            try project.insert(db)
        }
        return project
    }

    /// Renames a project, and with it the hostnames of its branches.
    ///
    /// - Parameter duration: how long the old hostnames keep working; nil for not at all.
    package func renameProject(
        _ project: Project,
        to name: String,
        keepingHostnamesFor duration: AliasDuration? = nil
    ) async throws(BranchError) {
        try BranchName.checkProject(name)
        let (before, aliases) = try store.write { db in
            try AliasChanges.noting(db) {
                let current = try BranchStore.project(db, project.id)
                try Self.rename(db, current, to: name, keepingFor: duration)
                return current
            }
        }
        do throws(BranchError) {
            try await routes.routesChanged()
        } catch {
            // Another branch may get the old names while the gateway still routes them here.
            try store.write { db in
                try Self.rename(db, before, to: before.name)
                try aliases.undo(in: db)
            }
            throw error
        }
    }

    private static func rename(
        _ db: Database,
        _ project: Project,
        to name: String,
        keepingFor duration: AliasDuration? = nil
    ) throws {
        guard try Project.filter(Column("name") == name && Column("id") != project.id).isEmpty(db) else {
            throw BranchError.exists("a project '\(name)' already exists")
        }
        try db.execute(sql: "UPDATE project SET name = ? WHERE id = ?", arguments: [name, project.id])
        try BranchStore.assignHostnames(db, oldOnesFor: duration)
    }

    /// Changes settings and the route map; if the map cannot be written, nothing is changed.
    package func changeSettings(_ change: SettingsChange) async throws(BranchError) {
        try change.check()
        let ((before, names), aliases) = try store.write { db in
            try AliasChanges.noting(db) {
                let before = try BranchStore.undoing(change, in: db)
                try BranchStore.change(change, in: db)
                return before
            }
        }
        guard change.isOfRoutes else { return }
        do throws(BranchError) {
            try await routes.routesChanged()
        } catch {
            try store.write { db in
                try BranchStore.change(before, keeping: names, in: db)
                try aliases.undo(in: db)
            }
            throw error
        }
    }

    package func deleteProject(_ project: Project) throws(BranchError) {
        try store.write { db in
            guard try BranchDatabase.filter(Column("projectId") == project.id).isEmpty(db) else {
                throw BranchError.notAllowed("the project '\(project.name)' has databases; delete them first")
            }
            try project.delete(db)
        }
    }

    // MARK: Branches

    /// Changes a branch's name and hostname in one step. Sessions continue.
    ///
    /// - Parameter duration: how long the old hostname keeps working; nil for not at all.
    package func rename(
        _ branch: BranchDetails,
        to name: String,
        keepingHostnameFor duration: AliasDuration? = nil
    ) async throws(BranchError) -> BranchDetails {
        try BranchName.check(name, of: "branch")
        let id = branch.target.id
        let lock = try await lock(id, .exclusive)
        let operation = Operation(
            id: Identifier.operation.make(),
            targetId: id,
            targetName: "\(branch.database.name)/\(name)",
            action: .rename,
            status: .succeeded,
            step: nil,
            message: "\(branch.target.name) -> \(name)",
            startedAt: .now,
            finishedAt: .now
        )
        let (before, aliases) = try store.write { db in
            try AliasChanges.noting(db) {
                let current = try Self.current(db, id)
                guard !current.isMain else { throw BranchError.notAllowed("the branch 'main' cannot be renamed") }
                guard current.lifecycleStatus.allows(.rename) else { throw unfinished(current) }
                try Self.rename(db, current, to: name, keepingFor: duration)
                try BranchExpiry.renew(db, id)
                try operation.insert(db)
                return current
            }
        }
        didComplete(.rename, .finished)
        do throws(BranchError) {
            try await routes.routesChanged()
        } catch {
            // Another branch may get the old name while the gateway still routes it here.
            try store.write { db in
                try Self.rename(db, before, to: before.name)
                try aliases.undo(in: db)
                try db.execute(
                    sql: "UPDATE operation SET status = 'failed', message = ? WHERE id = ?",
                    arguments: [error.description, operation.id]
                )
            }
            throw error
        }
        withExtendedLifetime(lock) {}
        return try store.branch(id: id)
    }

    private static func rename(
        _ db: Database,
        _ target: BranchTarget,
        to name: String,
        keepingFor duration: AliasDuration? = nil
    ) throws {
        let others = BranchTarget.filter(
            Column("databaseId") == target.databaseId && Column("name") == name && Column("id") != target.id
        )
        guard try others.isEmpty(db) else {
            throw BranchError.exists("the database already has a branch '\(name)'")
        }
        try db.execute(sql: "UPDATE target SET name = ? WHERE id = ?", arguments: [name, target.id])
        try BranchStore.assignHostnames(db, oldOnesFor: duration)
    }

    /// Removes a former hostname early, so that it is no longer routed. Sessions continue.
    ///
    /// - Throws: ``BranchError/notFound(_:)``, or the error of writing the route map; then the hostname keeps working.
    package func endAlias(_ hostname: String, of targetID: String? = nil) async throws(BranchError) {
        let (_, aliases) = try store.write { db in
            try AliasChanges.noting(db) {
                guard let alias = try HostnameAlias.fetchOne(db, key: hostname),
                    targetID ?? alias.targetId == alias.targetId
                else { throw BranchError.notFound("there is no former hostname '\(hostname)'") }
                try BranchStore.end(alias, in: db, at: .now)
            }
        }
        do throws(BranchError) {
            try await routes.routesChanged()
        } catch {
            try store.write { db in try aliases.undo(in: db) }
            throw error
        }
    }
}
