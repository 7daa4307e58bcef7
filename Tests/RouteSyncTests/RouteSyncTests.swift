import BranchManager
import Foundation
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
        "An empty store makes an empty map; a burst makes few writes, and each change is in the file when it is told so"
    )
    func burst() async throws {
        try await withSync { store, sync, directory in
            await sync.routesChanged()
            let count = try RouteMapFile.load(path: directory.file("routes.json")).count
            #expect(count == 0)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<200 { group.addTask { await sync.routesChanged() } }
            }
            let writes = await sync.status.writes
            #expect(writes < 50, "\(writes) writes for 201 changes")
            #expect(await sync.status.fault == nil)
        }
    }

    @Test("A write that fails is tried again until it succeeds, is reported, and holds nobody up for ever")
    func failure() async throws {
        try await withSync(file: "later/routes.json") { store, sync, directory in
            let start = ContinuousClock.now
            await sync.routesChanged()
            // Bounded by RouteSync.patience; what is asserted is that it came back at all, with the fault told.
            #expect(await sync.status.fault?.contains("later") == true)
            #expect(await sync.status.failures > 1)
            #expect(ContinuousClock.now - start >= RouteSync.patience)
            _ = try directory.directory("later")
            let deadline = ContinuousClock.now + .seconds(20)
            while await sync.status.fault != nil, ContinuousClock.now < deadline { await Task.yield() }
            let count = try RouteMapFile.load(path: directory.file("later/routes.json")).count
            #expect(count == 0)
        }
    }
}
