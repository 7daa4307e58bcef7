import GRDB

extension BranchManager {
    /// Deletes a database with all its branches, and forgets those that cannot be deleted, because their engine is gone
    /// or their files cannot be removed.
    ///
    /// - Returns: what was left behind and where, one sentence each.
    /// - Throws: ``BranchError`` without changing the branches, for example if the route map cannot be written, which
    ///   would still route clients there.
    package func forgetDatabase(_ database: BranchDatabase) async throws(BranchError) -> [String] {
        let lock = try await lock(database.id, .exclusive)
        try store.write(urgent: true) { db in
            try db.execute(sql: "UPDATE database SET isDeleting = 1 WHERE id = ?", arguments: [database.id])
            guard db.changesCount == 1 else { throw BranchError.notFound("there is no database \(database.id)") }
        }
        var left: [String] = []
        // `main` represents the database, so delete it last.
        for branch in try store.branches(of: database.id).sorted(by: { !$0.target.isMain && $1.target.isMain }) {
            left += try await forget(branch)
        }
        try store.write(urgent: true) { db in _ = try BranchDatabase.deleteOne(db, key: database.id) }
        forgetLock(database.id)
        withExtendedLifetime(lock) {}
        return left
    }

    private func forget(_ branch: BranchDetails) async throws(BranchError) -> [String] {
        let (run, details) = try await record(.delete, branch.target.id, status: .deleting, retries: true)
        try await routes.routesChanged()
        try run.reach(.unrouted)
        let runtime = runtimes[details.target.runtime]
        let server = ServerSpec(details)
        do throws(BranchError) {
            if runtime?.hasNothing(of: server) != true {
                let runtime = try self.runtime(details.target.runtime)
                try await runtime.stop(server)
                try await runtime.remove(server)
            }
            try run.finishRemoved(.succeeded)
            forgetLock(branch.target.id)
            return []
        } catch .runtime(let reason) {
            let left = runtime?.leftovers(of: server) ?? []
            let what = left.isEmpty ? "" : "; left behind: \(left.joined(separator: ", "))"
            try run.finishRemoved(.failed, message: "forgotten: \(reason)\(what)")
            forgetLock(branch.target.id)
            return ["\(branch.displayName) was forgotten (\(reason))\(what)"]
        }
    }
}
