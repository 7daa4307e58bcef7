import Foundation
import GRDB

extension BranchManager {
    func beginCreateDatabase(
        _ name: String,
        in project: Project,
        runtime kind: RuntimeKind,
        postgresVersion asked: Int?,
        load: DataLoad?
    ) async throws(BranchError) -> OperationHandle {
        try BranchName.check(name, of: "database")
        let runtime = try runtime(kind)
        let version = try runtime.versionForNewServer(asked)
        try await runtime.checkCanMake(version: version)
        let database = BranchDatabase(
            id: Identifier.database.make(),
            projectId: project.id,
            name: name,
            username: Self.username,
            password: Self.makePassword(),
            databaseName: name,
            createdAt: .now
        )
        let (run, details) = try await register(
            BranchName.main,
            of: database,
            isNew: true,
            source: nil,
            kind: kind,
            postgresVersion: version
        )
        return OperationHandle(run.operation) { () async throws(BranchError) in
            try await self.make(run, details, load: load) { () async throws(BranchError) in
                try run.reach(.copying)
                try await runtime.initialize(ServerSpec(details))
            }
        }
    }

    func beginDeleteDatabase(_ database: BranchDatabase) async throws(BranchError) -> OperationHandle {
        let lock = try await lock(database.id, .exclusive)
        try store.write(urgent: true) { db in
            try db.execute(sql: "UPDATE database SET isDeleting = 1 WHERE id = ?", arguments: [database.id])
            guard db.changesCount == 1 else { throw BranchError.notFound("there is no database \(database.id)") }
        }
        return try await deletion(of: database, with: lock, canStay: true)
    }

    /// The deletion of a database that is marked for it. The operation of `main` represents the whole: it starts first
    /// and ends last.
    ///
    /// - Parameter canStay: whether the database is kept if none of its branches could be deleted.
    func deletion(
        of database: BranchDatabase,
        with lock: OperationLock,
        canStay: Bool
    ) async throws(BranchError) -> OperationHandle {
        let branches = try store.branches(of: database.id)
        var main: (run: OperationRun, details: BranchDetails)?
        do throws(BranchError) {
            if let first = branches.first(where: \.target.isMain) {
                main = try await record(.delete, first.target.id, status: .deleting, retries: !canStay)
            }
        } catch {
            if canStay { try keep(database, of: branches.count) }
            throw error
        }
        return OperationHandle(main?.run.operation) { [main] () async throws(BranchError) in
            do throws(BranchError) {
                try await self.deleteAll(branches, with: main, retries: !canStay)
                try self.store.write(urgent: true) { db in _ = try BranchDatabase.deleteOne(db, key: database.id) }
            } catch {
                if canStay { try self.keep(database, of: branches.count) }
                throw error
            }
            self.forgetLock(database.id)
            withExtendedLifetime(lock) {}
        }
    }

    private func deleteAll(
        _ branches: [BranchDetails],
        with main: (run: OperationRun, details: BranchDetails)?,
        retries: Bool
    ) async throws(BranchError) {
        do throws(BranchError) {
            for branch in branches.reversed() where !branch.target.isMain {
                let (run, details) = try await record(.delete, branch.target.id, status: .deleting, retries: retries)
                try await finishDelete(run, details)
            }
        } catch {
            if let (run, _) = main {
                try run.finish(.failed, branch: run.previous ?? .deleting, message: error.description)
                await publishRoutes()
            }
            throw error
        }
        if let (run, details) = main { try await finishDelete(run, details) }
    }

    /// Removes the mark from a database that still has all its branches, so that it is kept.
    private func keep(_ database: BranchDatabase, of branches: Int) throws(BranchError) {
        try store.write(urgent: true) { db in
            try db.execute(
                sql: "UPDATE database SET isDeleting = 0 WHERE id = ? AND ? = "
                    + "(SELECT count(*) FROM target WHERE databaseId = database.id AND lifecycleStatus <> 'deleting')",
                arguments: [database.id, branches]
            )
        }
    }
}
