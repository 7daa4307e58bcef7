import Foundation
import GRDB

extension BranchManager {
    /// Makes the data of a new branch, starts it and routes it; undoes all of it when something fails.
    func make(
        _ run: OperationRun,
        _ details: BranchDetails,
        data: () async throws(BranchError) -> Void
    ) async throws(BranchError) -> BranchDetails {
        let server = ServerSpec(details)
        do throws(BranchError) {
            try await data()
            try run.reach(.adopted)
            // Not with a hostname that the gateway may still lead to whoever had it before.
            try await routes.routesChanged()
            try await runtime(details.target.runtime).start(server)
            try run.reach(.started)
            try run.finish(.succeeded, branch: .active)
        } catch {
            try await undoCreate(run, details, because: error.description)
            throw error
        }
        await tellRoutes()
        return try store.branch(id: details.target.id)
    }

    func undoCreate(_ run: OperationRun, _ details: BranchDetails, because message: String) async throws(BranchError) {
        let runtime = try runtime(details.target.runtime)
        try await runtime.stop(ServerSpec(details))
        try await runtime.remove(ServerSpec(details))
        try run.finishRemoved(.failed, message: message, withDatabase: details.target.isMain)
        forgetLock(details.target.id)
    }

    /// Runs SQL commands on a branch's server as the role that owns it.
    package func execute(_ commands: [String], on branch: BranchDetails) async throws(BranchError) {
        try await runtime(branch.target.runtime).execute(commands, on: ServerSpec(branch))
    }

    /// Starts a branch. Nothing happens, and no session ends, when it runs already.
    @discardableResult
    package func start(_ branch: BranchDetails) async throws(BranchError) -> BranchDetails {
        let current = try store.branch(id: branch.target.id)
        if current.target.lifecycleStatus == .active,
            try await runtime(current.target.runtime).isRunning(ServerSpec(current))
        {
            return current
        }
        let (run, details) = try await begin(.start, branch.target.id, status: .starting)
        try await startUnlessRunning(run, details)
        return try store.branch(id: branch.target.id)
    }

    /// Starts a branch that is said to be active and whose server is gone, unless somebody was faster.
    func startAgain(_ branch: BranchDetails) async throws(BranchError) {
        let (run, details) = try await begin(.start, branch.target.id, status: .starting, expecting: .active)
        try await startUnlessRunning(run, details)
    }

    private func startUnlessRunning(_ run: OperationRun, _ details: BranchDetails) async throws(BranchError) {
        // Somebody may have started it between the look and the lock: its sessions are left alone.
        if run.previous == .active, try await runtime(details.target.runtime).isRunning(ServerSpec(details)) {
            return try run.finish(.succeeded, branch: .active)
        }
        await tellRoutes()
        try await finishStart(run, details)
    }

    /// Stops a branch: out of the routes first, then its server.
    @discardableResult
    package func stop(_ branch: BranchDetails) async throws(BranchError) -> BranchDetails {
        let (run, details) = try await begin(.stop, branch.target.id, status: .stopping)
        try await finishStop(run, details)
        return try store.branch(id: branch.target.id)
    }

    /// Makes a branch's server anew on the same data and the same port.
    @discardableResult
    package func deploy(_ branch: BranchDetails) async throws(BranchError) -> BranchDetails {
        let (run, details) = try await begin(.deploy, branch.target.id, status: .deploying)
        try await finishRestart(run, details, adopting: false)
        return try store.branch(id: branch.target.id)
    }

    /// Gives a branch the data that another one has now, on the same port.
    ///
    /// - Parameter source: nil for the branch it was copied from.
    @discardableResult
    package func reset(_ branch: BranchDetails, to source: BranchDetails? = nil) async throws(BranchError)
        -> BranchDetails
    {
        let id = branch.target.id
        guard !branch.target.isMain else { throw .notAllowed("the branch 'main' cannot be reset") }
        guard let sourceID = source?.target.id ?? branch.target.sourceTargetId else {
            throw .notAllowed(
                "the branch that '\(branch.target.name)' was copied from is gone; say which one to reset to"
            )
        }
        guard sourceID != id else { throw .invalid("a branch cannot be reset to itself") }
        let sourceLock = try await lock(sourceID, .shared)
        let source = try store.branch(id: sourceID)
        guard source.target.lifecycleStatus.isSettled else { throw Self.unfinished(source.target) }
        guard source.database.id == branch.database.id, source.target.runtime == branch.target.runtime else {
            throw .invalid("a branch can be reset to a branch of its own database only")
        }
        // Copied while the branch still serves: it is down for as long as a restart takes.
        let (run, details) = try await begin(.reset, id, status: nil)
        let runtime = try runtime(details.target.runtime)
        do throws(BranchError) {
            try run.reach(.copying)
            try await runtime.copy(from: ServerSpec(source), to: ServerSpec(details))
            withExtendedLifetime(sourceLock) {}
            try run.reach(.copied)
        } catch {
            try await undoReset(run, details, because: error.description)
            throw error
        }
        try await finishRestart(run, details, adopting: true)
        return try store.branch(id: id)
    }

    /// Deletes a branch: out of the routes, then its server, then its data.
    package func delete(_ branch: BranchDetails) async throws(BranchError) {
        guard !branch.target.isMain else {
            throw .notAllowed(
                "the branch 'main' cannot be deleted; delete the database '\(branch.database.name)' instead"
            )
        }
        try await remove(branch)
    }

    func remove(_ branch: BranchDetails) async throws(BranchError) {
        let (run, details) = try await begin(.delete, branch.target.id, status: .deleting)
        try await finishDelete(run, details)
    }

    // MARK: The rest of an operation, begun now or before a crash

    func finishStart(_ run: OperationRun, _ details: BranchDetails) async throws(BranchError) {
        let runtime = try runtime(details.target.runtime)
        do throws(BranchError) {
            try await runtime.start(ServerSpec(details))
            try run.reach(.started)
            try run.finish(.succeeded, branch: .active)
        } catch {
            try await leaveStopped(run, details, because: error)
        }
        await tellRoutes()
    }

    func finishStop(_ run: OperationRun, _ details: BranchDetails) async throws(BranchError) {
        let runtime = try runtime(details.target.runtime)
        var isUnrouted = false
        do throws(BranchError) {
            try await routes.routesChanged()
            isUnrouted = true
            try run.reach(.unrouted)
            try await runtime.stop(ServerSpec(details))
            try run.reach(.stopped)
            try run.finish(.succeeded, branch: .stopped)
        } catch {
            // What cannot be stopped, or is still routed, runs, and is said to.
            let isRunning = (try? await runtime.isRunning(ServerSpec(details))) ?? (run.previous == .active)
            try run.finish(.failed, branch: isRunning ? .active : .stopped, message: error.description)
            // One that could not be written just now is tried again without being waited for.
            if isUnrouted { await tellRoutes() }
            throw error
        }
    }

    func finishRestart(_ run: OperationRun, _ details: BranchDetails, adopting: Bool) async throws(BranchError) {
        let runtime = try runtime(details.target.runtime)
        let server = ServerSpec(details)
        do throws(BranchError) {
            try run.reach(.unrouted, status: adopting ? .resetting : .deploying)
            try await routes.routesChanged()
        } catch {
            // Its clients still come, and it goes on serving them. Recovery finds it down, perhaps, and goes on.
            if let previous = run.previous {
                if adopting {
                    // Recovery must not take a copy that is half removed for a whole one.
                    try run.reach(.copied, status: previous)
                    try? await runtime.discardCopy(server)
                }
                try run.finish(.failed, branch: previous, message: error.description)
                throw error
            }
        }
        do throws(BranchError) {
            try await runtime.stop(server)
            try run.reach(.stopped)
            if adopting {
                try await runtime.adoptCopy(server)
                try run.reach(.adopted)
            }
        } catch {
            // Taken up again by the next recovery: its data may be between two places.
            if run.previous == nil, adopting { throw error }
            try await leaveStopped(run, details, because: error)
        }
        do throws(BranchError) {
            try await runtime.start(server)
            try run.reach(.started)
            try run.finish(.succeeded, branch: .active)
        } catch {
            try await leaveStopped(run, details, because: error)
        }
        await tellRoutes()
    }

    func undoReset(_ run: OperationRun, _ details: BranchDetails, because message: String) async throws(BranchError) {
        try await runtime(details.target.runtime).discardCopy(ServerSpec(details))
        try run.finish(.failed, branch: nil, message: message)
    }

    func finishDelete(_ run: OperationRun, _ details: BranchDetails) async throws(BranchError) {
        let runtime = try runtime(details.target.runtime)
        var isUnrouted = false
        do throws(BranchError) {
            // Not before nobody is led there: another branch may get its port.
            try await routes.routesChanged()
            isUnrouted = true
            try run.reach(.unrouted)
            try await runtime.stop(ServerSpec(details))
            try run.reach(.stopped)
            try await runtime.remove(ServerSpec(details))
            try run.reach(.removed)
            try run.finishRemoved(.succeeded)
            forgetLock(details.target.id)
        } catch {
            // What recovery cannot finish now, it tries again.
            if run.previous == nil { throw error }
            // Half gone is of no use to anybody; it stays out of the routes and can be deleted again.
            let status = isUnrouted ? .deleting : run.previous ?? .deleting
            try run.finish(.failed, branch: status, message: error.description)
            throw error
        }
    }

    /// A server that does not come up is stopped, and the reason is kept.
    private func leaveStopped(
        _ run: OperationRun,
        _ details: BranchDetails,
        because error: BranchError
    ) async throws(BranchError) {
        let runtime = try runtime(details.target.runtime)
        try? await runtime.stop(ServerSpec(details))
        // One that answers, and could not be taken down, is not said to be.
        let isRunning = (try? await runtime.isRunning(ServerSpec(details))) ?? false
        try run.finish(.failed, branch: isRunning ? .active : .stopped, message: error.description)
        await tellRoutes()
        throw error
    }
}
