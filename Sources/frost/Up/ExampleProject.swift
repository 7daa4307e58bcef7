import BranchManager
import Foundation

/// What a first start has to show: a project `shop`, and a branch of its database with other data.
enum ExampleProject {
    static func make(_ context: FrostContext) async throws {
        let project = try context.manager.createProject("shop")
        let main = try await context.progress.during("creating shop/main") {
            try await context.manager.createDatabase("shop", in: project)
        }
        try await context.manager.execute(
            [
                "CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, branch text NOT NULL)",
                "INSERT INTO item VALUES (1, 'coffee', 'main'), (2, 'tea', 'main')",
            ],
            on: main
        )
        let dev = try await context.progress.during("creating shop/dev") {
            try await context.manager.createBranch("dev", from: main)
        }
        try await context.manager.execute(
            ["UPDATE item SET branch = 'dev'", "INSERT INTO item VALUES (3, 'an idea', 'dev')"],
            on: dev
        )
    }
}
