import Foundation
import GRDB

extension BranchManager {
    /// Makes the data of a new branch, starts it and routes it; undoes all of it when something fails.
    func make(
        _ run: OperationRun,
        _ details: BranchDetails,
        load: DataLoad? = nil,
        data: @escaping @Sendable () async throws(BranchError) -> Void
    ) async throws(BranchError) {
        do throws(BranchError) {
            try await cancellable(run, data)
            try run.reach(.adopted)
            // Not with a hostname that the gateway may still route to the branch that had it before.
            try await routes.routesChanged()
            try await bringUp(run, details, load: load)
        } catch {
            try await Self.uncancelled { () async throws(BranchError) in
                try await self.undoCreate(run, details, because: error)
            }
            throw error
        }
        await publishRoutes()
    }

    func undoCreate(_ run: OperationRun, _ details: BranchDetails, because error: BranchError) async throws(BranchError)
    {
        let runtime = try runtime(details.target.runtime)
        // One of which nothing was made needs no engine to be undone.
        if !runtime.hasNothing(of: ServerSpec(details)) {
            try await runtime.stop(ServerSpec(details))
            try await runtime.remove(ServerSpec(details))
        }
        try run.finishRemoved(error.outcome, message: error.description, withDatabase: details.target.isMain)
        forgetLock(details.target.id)
    }

    /// Runs SQL commands on a branch's server as the role that owns it.
    package func execute(_ commands: [String], on branch: BranchDetails) async throws(BranchError) {
        try await runtime(branch.target.runtime).execute(commands, on: ServerSpec(branch))
    }

    // MARK: The rest of an operation, begun now or before a crash

    func finishStart(_ run: OperationRun, _ details: BranchDetails) async throws(BranchError) {
        do throws(BranchError) {
            try await bringUp(run, details)
        } catch {
            try await leaveStopped(run, details, because: error)
        }
        await publishRoutes()
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
            // Recovery may have resumed it after the branch was set to never expire.
            let note = run.action == .expire ? Self.expiryNote(of: details) : nil
            try run.finish(.succeeded, branch: note == nil ? .stopped : .expired, message: note)
        } catch {
            // What cannot be stopped, or is still routed, runs, and is said to.
            let isRunning = (try? await runtime.isRunning(ServerSpec(details))) ?? (run.previous == .active)
            try run.finish(.failed, branch: isRunning ? .active : .stopped, message: error.description)
            // One that could not be written just now is tried again without being waited for.
            if isUnrouted { await publishRoutes() }
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
                    try run.reach(.copied, status: previous, isUndoing: true)
                    try? await runtime.discardCopy(server)
                }
                try run.finish(error.outcome, branch: previous, message: error.description)
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
            try await bringUp(run, details)
        } catch {
            try await leaveStopped(run, details, because: error)
        }
        await publishRoutes()
    }

    func undoReset(_ run: OperationRun, _ details: BranchDetails, because error: BranchError) async throws(BranchError)
    {
        try await runtime(details.target.runtime).discardCopy(ServerSpec(details))
        try run.finish(error.outcome, branch: nil, message: error.description)
    }

    /// - Parameter message: why frost has deleted it by itself.
    func finishDelete(
        _ run: OperationRun,
        _ details: BranchDetails,
        message: String? = nil
    ) async throws(BranchError) {
        let runtime = try runtime(details.target.runtime)
        var isUnrouted = false
        do throws(BranchError) {
            // Only after it is no longer routed: another branch may get its port.
            try await routes.routesChanged()
            isUnrouted = true
            try run.reach(.unrouted)
            if !runtime.hasNothing(of: ServerSpec(details)) {
                try await runtime.stop(ServerSpec(details))
                try run.reach(.stopped)
                try await runtime.remove(ServerSpec(details))
            }
            try run.reach(.removed)
            try run.finishRemoved(.succeeded, message: message)
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
        await publishRoutes()
        throw error
    }
}
