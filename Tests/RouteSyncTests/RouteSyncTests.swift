import BranchManager
import Foundation
import GRDB
import Logging
import RouteMap
import RouteSync
import TestSupport
import Testing

@Suite struct RouteSyncTests {
    private func withSync(
        file: String = "routes.json",
        _ body: (BranchStore, RouteSync, TemporaryDirectory) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory("sync")
        defer { directory.remove() }
        let store = try BranchStore.open(in: directory.path)
        let sync = RouteSync(
            store: store,
            path: directory.file(file),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await body(store, sync, directory)
    }

    @Test(
        "An empty store makes an empty map; what says nothing new is not written, and each change is in the file when it is told so"
    )
    func burst() async throws {
        try await withSync { store, sync, directory in
            try await sync.routesChanged()
            let count = try RouteMapFile.load(path: directory.file("routes.json")).count
            #expect(count == 0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 { group.addTask { try await sync.routesChanged() } }
                try await group.waitForAll()
            }
            let writes = await sync.status.writes
            #expect(writes == 1, "\(writes) writes for 201 changes that say the same")
            #expect(await sync.status.fault == nil)
        }
    }

    @Test("A write that fails is tried again until it succeeds, is reported, and holds nobody up for ever")
    func failure() async throws {
        try await withSync(file: "later/routes.json") { store, sync, directory in
            let start = ContinuousClock.now
            // Bounded by RouteSync.timeout; what is asserted is that it came back at all, with the fault told.
            let error = await #expect(throws: BranchError.self) { try await sync.routesChanged() }
            #expect(error?.description.contains("later") == true)
            #expect(await sync.status.fault?.contains("later") == true)
            #expect(await sync.status.failures > 1)
            #expect(ContinuousClock.now - start >= RouteSync.timeout)
            _ = try directory.directory("later")
            let deadline = ContinuousClock.now + .seconds(20)
            while await sync.status.fault != nil, ContinuousClock.now < deadline { await Task.yield() }
            let count = try RouteMapFile.load(path: directory.file("later/routes.json")).count
            #expect(count == 0)
        }
    }

    @Test("Followed: what another process has done, and a file that was lost or changed, are made good")
    func follow() async throws {
        try await withSync { store, sync, directory in
            let path = directory.file("routes.json")
            let following = Task { await sync.follow() }
            defer { following.cancel() }
            try await eventually("written at first") { (try? RouteMapFile.load(path: path).count) == 0 }
            // Another process: a connection of its own.
            let other = try BranchStore.open(in: directory.path)
            try other.setWildcardBase(Hostname("example.net"))
            try other.insertBranch("dev")
            try await eventually("another process") { (try? RouteMapFile.load(path: path).count) == 1 }
            try FileManager.default.removeItem(atPath: path)
            try await eventually("a lost file") { (try? RouteMapFile.load(path: path).count) == 1 }
            try directory.write(#"{ "version": 1, "routes": [] }"#, to: "routes.json")
            try await eventually("a changed file") { (try? RouteMapFile.load(path: path).count) == 1 }
            // What says the same is left alone.
            let writes = await sync.status.writes
            try await sync.reconcile()
            #expect(await sync.status.writes == writes)
        }
    }
}

extension BranchStore {
    /// An active branch without a server.
    fileprivate func insertBranch(_ name: String) throws {
        try write { db in
            try db.execute(
                literal: """
                    INSERT INTO project VALUES ('proj_1', 'shop', '2026-01-01');
                    INSERT INTO database (id, projectId, name, username, password, databaseName, createdAt)
                        VALUES ('db_1', 'proj_1', 'shop', 'u', 'p', 'shop', '2026-01-01');
                    INSERT INTO target (id, databaseId, name, runtime, hostPort, lifecycleStatus, hostname, createdAt)
                        VALUES ('dbt_1', 'db_1', \(name), 'local', 10000, 'active', \("\(name).pg.shop.example.net"), '2026-01-01');
                    """
            )
        }
    }
}
