import BranchManager
import Foundation

/// The example of a first start: a project `shop`, and a branch of its database with different data.
///
/// Every step first checks whether it is done, so an interrupted start can be resumed.
enum ExampleProject {
    private static let name = "shop"
    private static let branch = "dev"

    static func make(_ context: FrostContext) async throws {
        let (store, manager) = (context.store, context.manager)
        if try store.isExampleMade() { return }
        let projects = try store.projects()
        // The user's own project.
        guard projects.isEmpty || projects.map(\.name) == [name] else { return try store.setExampleMade() }
        let project = try projects.first ?? manager.createProject(name)
        let made: BranchDetails
        if let database = try store.databases(of: project.id).first(where: { $0.name == name }) {
            made = try store.branch(BranchName.main, in: database)
        } else {
            made = try await context.progress.during("creating \(name)/\(BranchName.main)") {
                try await manager.createDatabase(name, in: project)
            }
        }
        guard let main = try await answering(made, context) else { return }
        try await manager.execute(
            [
                "CREATE TABLE IF NOT EXISTS item (id int PRIMARY KEY, name text NOT NULL, branch text NOT NULL)",
                "INSERT INTO item VALUES (1, 'coffee', 'main'), (2, 'tea', 'main') ON CONFLICT DO NOTHING",
            ],
            on: main
        )
        let copy: BranchDetails
        if let present = try store.branches(of: main.database.id).first(where: { $0.target.name == branch }) {
            copy = present
        } else {
            copy = try await context.progress.during("creating \(name)/\(branch)") {
                try await manager.createBranch(branch, from: main)
            }
        }
        guard let dev = try await answering(copy, context) else { return }
        try await manager.execute(
            [
                "UPDATE item SET branch = 'dev'",
                "INSERT INTO item VALUES (3, 'an idea', 'dev') ON CONFLICT DO NOTHING",
            ],
            on: dev
        )
        try store.setExampleMade()
    }

    /// nil when the wait for recovery was interrupted: the next start resumes here.
    private static func answering(_ branch: BranchDetails, _ context: FrostContext) async throws -> BranchDetails? {
        do {
            return try await context.finishRecovery(branch)
        } catch BranchError.busy {
            return nil
        }
    }
}
