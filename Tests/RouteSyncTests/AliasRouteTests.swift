import BranchManager
import BranchTestSupport
import Foundation
import Logging
import RouteMap
import Synchronization
import TestSupport
import Testing

@testable import RouteSync

/// Former hostnames in the route map: they go where their branch goes, and end when their time is over.
@Suite struct AliasRouteTests {
    private struct Host {
        var manager: BranchManager
        var runtime: FakeRuntime
        var sync: RouteSync
        var clock: ManualClock
        var directory: TemporaryDirectory
        var path: String
        var main: BranchDetails

        func branch(_ name: String) throws -> BranchDetails { try manager.store.branch(name, in: main.database) }

        /// `+` for a route, `-` for one that is stopped, and the first label.
        func map() throws -> [String] {
            let table = try RouteMapFile.load(path: path)
            let lists = RouteLists(table)
            #expect(table.conflicts.isEmpty)
            func labels(_ sign: String, _ hostnames: [Hostname]) -> [String] {
                hostnames.map { "\(sign)\($0.name.prefix { $0 != "." })" }
            }
            let all = labels("+", lists.routes.map(\.hostname)) + labels("-", lists.stopped.map(\.hostname))
            return all.filter { $0 != "+main" }.sorted()
        }

        /// That all hostnames of a branch lead to it.
        func expectOneTarget(_ names: [String], _ location: SourceLocation = #_sourceLocation) throws {
            let lists = RouteLists(try RouteMapFile.load(path: path))
            let targets = Set(
                names.map { name in
                    lists.routes.first { $0.hostname.name.hasPrefix("\(name).") }.map {
                        [$0.target.id, String($0.hostPort)]
                    }
                }
            )
            #expect(targets.count == 1 && targets.first != .some(nil), sourceLocation: location)
        }
    }

    private func withHost(_ body: (Host) async throws -> Void) async throws {
        let directory = try TemporaryDirectory("alias")
        defer { directory.remove() }
        let store = try BranchStore.open(in: directory.path)
        try store.setWildcardBase(Hostname("example.net"))
        let (runtime, clock, path) = (FakeRuntime(), ManualClock(), directory.file("routes.json"))
        let sync = RouteSync(
            store: store,
            path: path,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            clock: clock.wallClock
        )
        let manager = try BranchManager(
            store: store,
            runtimes: [.local: runtime],
            routes: sync,
            directory: directory.path,
            hostPorts: HostPorts.next()
        )
        let main = try await manager.createDatabase("shop", in: manager.createProject("shop"))
        _ = try await manager.createBranch("dev", from: main)
        try await body(
            Host(
                manager: manager,
                runtime: runtime,
                sync: sync,
                clock: clock,
                directory: directory,
                path: path,
                main: main
            )
        )
    }

    @Test("Each step of a branch's life takes its aliases along: rename, stop, start, deploy, reset, delete")
    func life() async throws {
        try await withHost { host in
            let manager = host.manager
            _ = try await manager.rename(host.branch("dev"), to: "neu", keepingHostnameFor: .usual)
            #expect(try host.map() == ["+dev", "+neu"])
            try host.expectOneTarget(["dev", "neu"])
            try await manager.stop(host.branch("neu"))
            #expect(try host.map() == ["-dev", "-neu"])
            _ = try await manager.rename(host.branch("neu"), to: "third", keepingHostnameFor: .usual)
            #expect(try host.map() == ["-dev", "-neu", "-third"])
            try await manager.start(host.branch("third"))
            #expect(try host.map() == ["+dev", "+neu", "+third"])
            try await manager.deploy(host.branch("third"))
            try await manager.reset(host.branch("third"))
            #expect(try host.map() == ["+dev", "+neu", "+third"])
            try host.expectOneTarget(["dev", "neu", "third"])
            _ = try await manager.createBranch("dev", from: host.main)
            #expect(try host.map() == ["+dev", "+dev-shop", "+neu", "+third"])
            _ = try await manager.rename(host.branch("third"), to: "neu")
            #expect(try host.map() == ["+dev", "+dev-shop", "+neu"])
            try await manager.changeSettings(SettingsChange(isGatewayEnabled: false))
            #expect(try host.map() == [])
            try await manager.changeSettings(SettingsChange(isGatewayEnabled: true))
            #expect(try host.map() == ["+dev", "+dev-shop", "+neu"])
            try await manager.delete(host.branch("neu"))
            #expect(try host.map() == ["+dev-shop"])
        }
    }

    @Test("A start that fails, and recovery of what a crash left: aliases stand as their branch does")
    func faults() async throws {
        try await withHost { host in
            let manager = host.manager
            _ = try await manager.rename(host.branch("dev"), to: "neu", keepingHostnameFor: .usual)
            host.runtime.state.withLock { $0.failing = ["start"] }
            await #expect(throws: BranchError.self) { try await manager.deploy(host.branch("neu")) }
            #expect(try host.map() == ["-dev", "-neu"])
            host.runtime.state.withLock { $0.failing = [] }
            // Begun, and cut off: recovery finishes it.
            _ = try await manager.begin(.start(host.branch("neu")))
            #expect(try await manager.recover(checkingServers: true).count == 1)
            #expect(try host.map() == ["+dev", "+neu"])
            _ = try await manager.begin(.delete(host.branch("neu")))
            #expect(try await manager.recover(checkingServers: true).count == 1)
            #expect(try host.map() == [])
            #expect(try manager.store.aliases().isEmpty)
        }
    }

    @Test("Followed: each alias goes from the map when its time is over, also one that another process has made")
    func followed() async throws {
        try await withHost { host in
            let following = Task(executorPreference: BlockingWork.executor) { await host.sync.follow() }
            defer { following.cancel() }
            _ = try await host.manager.rename(host.branch("dev"), to: "neu", keepingHostnameFor: AliasDuration("1h"))
            // Another process: a connection of its own.
            let other = try BranchStore.open(in: host.directory.path)
            let manager = try BranchManager(
                store: other,
                runtimes: [.local: host.runtime],
                routes: RouteSync(
                    store: other,
                    path: host.path,
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                ),
                directory: host.directory.path
            )
            _ = try await manager.rename(host.branch("neu"), to: "third", keepingHostnameFor: AliasDuration("1m"))
            #expect(try host.map() == ["+dev", "+neu", "+third"])
            host.clock.advance(by: 120)
            try await eventually("the one of a minute has ended") { try host.map() == ["+dev", "+third"] }
            try await eventually("and is forgotten") { try other.branches().flatMap(\.aliases).count == 1 }
            host.clock.advance(by: 3_600)
            try await eventually("the one of an hour too") { try host.map() == ["+third"] }
            try await eventually("and is forgotten") { try other.branches().flatMap(\.aliases).isEmpty }
        }
    }

    @Test("What has ended while nothing ran is not in the map that the next start makes sure of")
    func nextStart() async throws {
        try await withHost { host in
            _ = try await host.manager.rename(host.branch("dev"), to: "neu", keepingHostnameFor: .usual)
            host.clock.advance(by: 604_000)
            try await host.sync.reconcile()
            #expect(try host.map() == ["+dev", "+neu"])
            host.clock.advance(by: 900)
            try await host.sync.reconcile()
            #expect(try host.map() == ["+neu"])
            #expect(try host.manager.store.branches().flatMap(\.aliases).isEmpty)
        }
    }
}
