import Foundation
import GRDB

extension BranchManager {
    /// Starts a branch's server as the last part of an operation, and stores the result: active, with the password in
    /// frost's connection strings, or recovering. The caller publishes the routes.
    ///
    /// The operation ends in both cases: a server may recover for hours, and can be stopped meanwhile.
    ///
    /// - Parameter load: fills the database first; waits for recovery if needed.
    func bringUp(
        _ run: OperationRun,
        _ details: BranchDetails,
        load: DataLoad? = nil
    ) async throws(BranchError) {
        let runtime = try runtime(details.target.runtime)
        // A copy has its source's version and image since the start of the operation.
        let server = try ServerSpec(store.branch(id: details.target.id))
        var condition = try await runtime.start(server)
        try run.reach(.started)
        if let load {
            while condition != .answering { condition = try await runtime.start(server) }
            let copied = copied
            try await cancellable(run) { () async throws(BranchError) in
                try await load(details) { progress in
                    run.note(progress)
                    copied(progress)
                }
            }
        }
        switch condition {
        case .recovering(let progress):
            try run.finish(.succeeded, branch: .recovering, message: progress)
        case .answering, .down:
            try await prepareForClients(details)
            try run.finish(.succeeded, branch: .active)
        }
    }

    /// Prepares a running server before it is routed.
    private func prepareForClients(_ details: BranchDetails) async throws(BranchError) {
        try await noteVersion(store.branch(id: details.target.id))
        let current = try store.branch(id: details.target.id)
        if current.target.passwordState == .pending {
            try await givePassword(current)
        } else {
            // A failed check must not prevent it from serving.
            _ = try? await checkPassword(current)
        }
    }

    private func noteVersion(_ details: BranchDetails) async throws(BranchError) {
        let (runtime, server) = (try runtime(details.target.runtime), ServerSpec(details))
        let known = details.target
        let version = (try? await runtime.majorVersion(server)) ?? known.postgresVersion
        let image = (try? await runtime.imageName(server)) ?? known.image
        guard version != known.postgresVersion || image != known.image else { return }
        try store.write { db in
            try db.execute(
                sql: "UPDATE target SET postgresVersion = ?, image = ? WHERE id = ?",
                arguments: [version, image, known.id]
            )
        }
    }

    /// Checks whether a runtime can create a server of a major version, before anything is registered.
    ///
    /// - Throws: ``BranchError/invalid(_:)`` that names the package to install.
    package func checkVersion(_ version: Int?, of kind: RuntimeKind) throws(BranchError) {
        _ = try runtime(kind).versionForNewServer(version)
    }

    /// Major versions for a new database, newest first; empty if there is no choice.
    package func versions(of kind: RuntimeKind) -> [Int] { runtimes[kind]?.versionsForNewServers() ?? [] }

    // MARK: Recovering servers

    /// Checks recovering branches: routes those that answer, restarts those whose server has ended, and stores the
    /// progress of the others.
    ///
    /// - Parameter retries: whether to restart at once servers that end soon after each start.
    /// - Returns: the results for those that no longer recover.
    package func settleRecovering(retrying retries: Retries = .due) async throws(BranchError) -> [Recovery] {
        var done: [Recovery] = []
        for branch in try store.branches() where branch.target.lifecycleStatus == .recovering {
            if let found = await settle(branch, retrying: retries) { done.append(found) }
        }
        return done
    }

    private func settle(_ branch: BranchDetails, retrying retries: Retries) async -> Recovery? {
        let name = branch.displayName
        do throws(BranchError) {
            guard let condition = try await settleOnce(branch) else { return nil }
            switch condition {
            case .answering: return Recovery(message: "\(name) has recovered and is ready")
            case .recovering: return nil
            case .down:
                if let reason = try await restart(branch, retrying: retries) {
                    return Recovery(message: "\(name): \(reason)", isFault: true)
                }
                return Recovery(message: "\(name) had ended; restarted")
            }
        } catch .busy {
            // Another operation is running on it, or has stopped it.
            return nil
        } catch .notFound {
            return nil
        } catch {
            return Recovery(message: "\(name) cannot recover: \(error)", isFault: true)
        }
    }

    /// - Returns: the server's condition; nil if another operation is running, or it no longer recovers.
    private func settleOnce(_ branch: BranchDetails) async throws(BranchError) -> ServerCondition? {
        let id = branch.target.id
        guard let lock = lockNow(id) else { return nil }
        defer { withExtendedLifetime(lock) {} }
        let current = try store.branch(id: id)
        guard current.target.lifecycleStatus == .recovering else { return nil }
        let condition = try await runtime(current.target.runtime).condition(ServerSpec(current))
        switch condition {
        case .answering:
            try await prepareForClients(current)
            try setStatus(.active, reason: nil, of: id)
            await publishRoutes()
        case .recovering(let progress) where progress != current.target.reason:
            try setStatus(.recovering, reason: progress, of: id)
        case .recovering, .down: break
        }
        return condition
    }

    private func setStatus(_ status: LifecycleStatus, reason: String?, of id: String) throws(BranchError) {
        try store.write { db in
            try db.execute(
                sql: "UPDATE target SET lifecycleStatus = ?, reason = ? WHERE id = ?",
                arguments: [status.rawValue, reason, id]
            )
        }
    }

    /// Waits until a branch has recovered, or the process is asked to stop.
    ///
    /// - Parameter progress: called with each new progress message of PostgreSQL.
    /// - Returns: the branch: active, changed by another operation, or still recovering.
    package func waitForRecovery(
        _ branch: BranchDetails,
        progress: (String) -> Void
    ) async throws(BranchError) -> BranchDetails {
        var last: String?
        while !Task.isCancelled, !isStopping() {
            _ = await settle(branch, retrying: .due)
            let current = try store.branch(id: branch.target.id)
            guard current.target.lifecycleStatus == .recovering else { return current }
            if let reason = current.target.reason, reason != last { progress(reason) }
            last = current.target.reason
            try? await Task.sleep(for: .seconds(1))
        }
        return try store.branch(id: branch.target.id)
    }
}
