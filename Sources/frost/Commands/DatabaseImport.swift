import ArgumentParser
import BranchManager
import Foundation

extension DatabaseCommand {
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a database from one of a running PostgreSQL server, which is not changed.",
            discussion: """
                Copies schema and data from one snapshot (pg_dump), owned by the new database's role. Does not copy roles, \
                privileges, publications or subscriptions. A failed import leaves nothing behind.

                EXAMPLE
                  frost database import shop --from postgresql://admin:secret@db.example.net/shop --project shop
                """
        )
        @Argument(help: "Its name: lowercase letters, digits and hyphens.") var name: String
        @Option(help: "The database to import, as a URL for psql.") var from: String
        @Option(help: "Its project (name or id).") var project: String
        @Option(help: "How its servers run: local, or docker.") var runtime = RuntimeKind.local
        @Option(help: "PostgreSQL's major version of the new database. (default: the newest on this host)")
        var postgresVersion: Int?
        @Flag(help: "Show the password in the connection string.") var showPassword = false
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let began = ContinuousClock.now
                let tools = try await ImportTools.find(options.postgresPrograms)
                let source = try ImportSource(from)
                let size = try await tools.look(at: source)
                let context = try await FrostContext.open(options)
                let project = try context.store.project(project)
                try tools.check(size.major, against: postgresVersion)
                let (options, name) = (options, name)
                let main = try await context.progress.during("importing \(name)") {
                    try await context.manager.createDatabase(
                        name,
                        in: project,
                        runtime: runtime,
                        postgresVersion: postgresVersion
                    ) { branch, progress async throws(BranchError) in
                        try await Self.load(branch, from: source, size.bytes, tools, context, options, progress)
                    }
                }
                let branch = try context.store.branch(id: main.target.id)
                try await MadeBranch(branch, source: nil, took: .now - began).show(context, showsPassword: showPassword)
            }
        }

        private static func load(
            _ branch: BranchDetails,
            from source: ImportSource,
            _ size: Int,
            _ tools: ImportTools,
            _ context: FrostContext,
            _ options: FrostOptions,
            _ progress: @escaping @Sendable (CopyProgress) -> Void
        ) async throws(BranchError) {
            let runtime = try await FrostContext.runtime(of: branch, options, context.store)
            let reporter = Task(executorPreference: BlockingWork.executor) {
                while true {
                    try await Task.sleep(for: .seconds(2))
                    let answer = try? await runtime.query(
                        "SELECT pg_catalog.pg_database_size('\(branch.database.databaseName)')",
                        on: ServerSpec(branch)
                    )
                    if let done = answer.flatMap({ Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }) {
                        progress(CopyProgress(doneBytes: done, totalBytes: size))
                    }
                }
            }
            defer { reporter.cancel() }
            try await tools.copy(source, to: branch)
            try await context.manager.execute(["ANALYZE"], on: branch)
        }
    }
}
