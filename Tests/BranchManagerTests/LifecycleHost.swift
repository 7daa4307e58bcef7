import BranchManager
import BranchTestSupport
import GRDB
import RouteMap
import Synchronization
import TestSupport
import Testing

/// A manager whose servers are entries of a table, with a database `shop` and its branch `main`.
struct LifecycleHost {
    var manager: BranchManager
    var runtime: FakeRuntime
    var main: BranchDetails

    func dev() throws -> BranchDetails { try manager.store.branch("dev", in: main.database) }

    /// What has happened since the last call.
    func takeEvents() -> [String] {
        runtime.state.withLock { state in
            defer { state.events = [] }
            return state.events
        }
    }

    func fail(_ calls: String...) { runtime.state.withLock { $0.failing = Set(calls) } }

    /// As a crash leaves an operation that has just begun.
    func interrupt(_ action: BranchAction, _ name: String, status: LifecycleStatus) throws {
        let id = try manager.store.branch(name, in: main.database).target.id
        try manager.store.write { db in
            try db.execute(
                sql:
                    "INSERT INTO operation (id, targetId, action, status, step, startedAt) VALUES ('op_x', ?, ?, 'running', 'registered', '2026-01-01')",
                arguments: [id, action.rawValue]
            )
            try db.execute(
                sql: "UPDATE target SET lifecycleStatus = ? WHERE id = ?",
                arguments: [status.rawValue, id]
            )
        }
    }

    /// That the store says active of exactly the servers that run.
    func expectTruth(_ location: SourceLocation = #_sourceLocation) throws {
        let running = runtime.state.withLock { $0.running }
        let active = try manager.store.branches().filter { $0.target.lifecycleStatus == .active }.map(\.target.id)
        #expect(Set(active) == running, sourceLocation: location)
        let known = Set(try manager.store.branches().map(\.target.id))
        #expect(
            Set(runtime.state.withLock { $0.data.keys }).isSubset(of: known),
            "data that nobody knows of",
            sourceLocation: location
        )
        #expect(runtime.state.withLock { $0.copies.isEmpty }, "a copy that nobody wants", sourceLocation: location)
    }

    static func run(
        branches: [String] = ["dev"],
        _ body: (LifecycleHost) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory("lifecycle")
        defer { directory.remove() }
        let store = try BranchStore.open(in: directory.path)
        try store.setWildcardBase(Hostname("example.net"))
        let runtime = FakeRuntime()
        let manager = try BranchManager(
            store: store,
            runtimes: [.local: runtime],
            routes: FakeRoutes(runtime: runtime, store: store),
            directory: directory.path,
            hostPorts: HostPorts.next()
        )
        let main = try await manager.createDatabase("shop", in: manager.createProject("shop"))
        for name in branches { _ = try await manager.createBranch(name, from: main) }
        let host = LifecycleHost(manager: manager, runtime: runtime, main: main)
        _ = host.takeEvents()
        try await body(host)
    }
}
