import Foundation
import GRDB

extension BranchManager {
    /// Starts a branch's server as the last part of an operation, and says in the store how it is then: active, with
    /// the password that frost hands out, or recovering. Whoever calls this publishes the routes.
    ///
    /// The operation ends either way: a server may recover for hours, and others can stop it meanwhile.
    ///
    /// - Parameter load: what is to be in it before; it is waited for as long as the server recovers.
    func bringUp(
        _ run: OperationRun,
        _ details: BranchDetails,
        load: DataLoad? = nil
    ) async throws(BranchError) {
        let runtime = try runtime(details.target.runtime)
        // A copy has had its source's version and image since the operation began.
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

    /// What a server that answers needs before clients are led there.
    private func prepareForClients(_ details: BranchDetails) async throws(BranchError) {
        try await noteVersion(store.branch(id: details.target.id))
        let current = try store.branch(id: details.target.id)
        if current.target.passwordState == .pending {
            try await givePassword(current)
        } else {
            // One that cannot be looked at is no reason not to serve.
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

    /// Asks a runtime whether it can make a server of a major version, before anything is registered.
    ///
    /// - Throws: ``BranchError/invalid(_:)`` that says what to install.
    package func checkVersion(_ version: Int?, of kind: RuntimeKind) throws(BranchError) {
        _ = try runtime(kind).versionForNewServer(version)
    }

    /// Major versions that a new database can have, the newest first; empty where there is no choice.
    package func versions(of kind: RuntimeKind) -> [Int] { runtimes[kind]?.versionsForNewServers() ?? [] }

    // MARK: Servers that recover

    /// Looks at the branches that recover: those that answer by now are routed, those whose server is gone are started
    /// again, and of the others the progress is kept.
    ///
    /// - Parameter retries: whether servers that end soon after each start are started at once.
    /// - Returns: what has become of those that no longer recover.
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
            // Somebody is at work on it, or has stopped it.
            return nil
        } catch .notFound {
            return nil
        } catch {
            return Recovery(message: "\(name) cannot recover: \(error)", isFault: true)
        }
    }

    /// - Returns: how the server is; nil when another operation is under way, or it no longer recovers.
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

    /// Waits for a branch that recovers, for as long as it does, or until the process is asked to stop.
    ///
    /// - Parameter progress: called with what PostgreSQL says, each time it says something else.
    /// - Returns: the branch: active, as somebody has made it meanwhile, or still recovering.
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
