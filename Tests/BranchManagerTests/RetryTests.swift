import BranchManager
import BranchTestSupport
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing

/// What cannot be done now: not begun, tried more and more rarely, forgotten when somebody says so.
@Suite struct RetryTests {
    @Test("Where no server can be made, nothing is registered")
    func unavailable() async throws {
        try await LifecycleHost.run { host in
            let before = try host.manager.store.operations().count
            host.fail("engine")
            let project = host.main.project
            let dev = try host.dev()
            for call in 0..<3 {
                let error = await #expect(throws: BranchError.self) {
                    switch call {
                    case 0: _ = try await host.manager.createDatabase("other", in: project)
                    case 1: _ = try await host.manager.createBranch("qa", from: host.main)
                    default: try await host.manager.reset(dev)
                    }
                }
                #expect(error == .runtime("no engine today"))
            }
            #expect(try host.manager.store.operations().count == before)
            #expect(try host.manager.store.branches().count == 2)
            #expect(host.takeEvents().isEmpty, "no server was touched, no route map written")
            #expect(await host.manager.unavailability(of: .local) == "no engine today")
            #expect(await host.manager.unavailability(of: .docker) != nil)
        }
    }

    /// As if all that has been tried had been tried so long ago.
    private func age(_ host: LifecycleHost, by seconds: Double) throws {
        try host.manager.store.write { db in
            for column in ["startedAt", "finishedAt", "triedAt"] {
                try db.execute(
                    sql: "UPDATE operation SET \(column) = strftime('%Y-%m-%d %H:%M:%f', \(column), ?)",
                    arguments: ["-\(seconds) seconds"]
                )
            }
        }
    }

    @Test("A deletion that cannot be finished: one operation, tried more and more rarely, told once")
    func deletion() async throws {
        try await LifecycleHost.run(branches: []) { host in
            host.fail("stop")
            await #expect(throws: BranchError.self) { try await host.manager.deleteDatabase(host.main.database) }
            let store = host.manager.store
            let operations = try store.operations()
            #expect(try store.databases().first?.isDeleting == true)
            _ = host.takeEvents()
            // The next minute, second by second.
            for _ in 0..<60 {
                try age(host, by: 1)
                #expect(try await host.manager.recover(checkingServers: false, retrying: .due).isEmpty, "it was told")
            }
            let tries = host.takeEvents().count { $0 == "stop main" }
            #expect((2...6).contains(tries), "\(tries) tries")
            #expect(try store.operations().map(\.id) == operations.map(\.id), "no operation was added")
            #expect(try store.operations().first?.status == .failed)
            // Somebody who asks is told, and it is tried.
            let told = try await host.manager.recover(checkingServers: false)
            #expect(told.map(\.isFault) == [true])
            #expect(told.first?.message.contains("--force") == true)
            host.fail()
            try age(host, by: 600)
            let done = try await host.manager.recover(checkingServers: false, retrying: .due)
            #expect(done.map(\.isFault) == [false])
            #expect(try store.databases().isEmpty)
            #expect(try store.operations().map(\.id) == operations.map(\.id))
            #expect(try store.operations().first?.status == .succeeded)
        }
    }

    @Test("An interrupted operation that cannot be undone: its row says why, and is tried more and more rarely")
    func interrupted() async throws {
        try await LifecycleHost.run { host in
            try host.interrupt(.create, "dev", status: .creating)
            try host.manager.store.write { db in
                try db.execute(sql: "UPDATE operation SET startedAt = ? WHERE id = 'op_x'", arguments: [Date.now])
            }
            host.fail("remove")
            let first = try await host.manager.recover(checkingServers: false, retrying: .due)
            #expect(first.map(\.isFault) == [true])
            _ = host.takeEvents()
            #expect(try host.manager.store.operation(id: "op_x").message == "remove does not work today")
            for _ in 0..<60 {
                try age(host, by: 1)
                #expect(try await host.manager.recover(checkingServers: false, retrying: .due).isEmpty, "it was told")
            }
            let tries = host.takeEvents().count { $0 == "remove dev" }
            #expect((2...6).contains(tries), "\(tries) tries")
            host.fail()
            #expect(try await host.manager.recover(checkingServers: false).map(\.isFault) == [false])
            try host.expectTruth()
        }
    }

    @Test(
        "A server that ends after each start: one operation, started more and more rarely, said to recover and why",
        arguments: ["once it answers", "while it recovers"]
    )
    func restarts(when: String) async throws {
        try await LifecycleHost.run { host in
            let store = host.manager.store
            let id = try host.dev().target.id
            let before = try store.operations(of: id).count
            func end() { host.runtime.state.withLock { _ = $0.running.remove(id) } }
            if when == "while it recovers" { host.runtime.state.withLock { $0.recovering["dev"] = "redo in progress" } }
            // Two minutes, second by second.
            for _ in 0..<120 {
                end()
                try age(host, by: 1)
                _ = try await host.manager.recover(checkingServers: true, retrying: .due)
            }
            let events = host.takeEvents()
            let starts = events.count { $0 == "start dev" }
            #expect((4...8).contains(starts), "\(starts) starts")
            #expect(try store.operations(of: id).count == before + 1, "one operation")
            end()
            let found = try await host.manager.recover(checkingServers: true, retrying: .due)
            #expect(found.map(\.isFault) == [true])
            #expect(try await host.manager.recover(checkingServers: true, retrying: .due) == found, "told once")
            let waiting = try host.dev().target
            #expect(waiting.lifecycleStatus == .recovering)
            #expect(waiting.reason?.contains("the next start is at ") == true, "\(waiting.reason ?? "")")
            #expect(try store.operations(of: id).first?.message == waiting.reason)
            #expect(events.contains("routes +main -dev"), "nobody is led to it")
            _ = host.takeEvents()

            // Stopped by hand it stays so, and started by hand it is at once.
            try await host.manager.stop(host.dev())
            #expect(try await host.manager.recover(checkingServers: true, retrying: .due).isEmpty)
            #expect(try host.dev().target.lifecycleStatus == .stopped)
            try await host.manager.start(host.dev())
            end()
            #expect(try await host.manager.recover(checkingServers: true, retrying: .due).map(\.isFault) == [false])
            end()
            #expect(try await host.manager.recover(checkingServers: true, retrying: .due).map(\.isFault) == [true])
            // Somebody who asks does not wait.
            #expect(try await host.manager.recover(checkingServers: true).map(\.isFault) == [false])

            // One that has run for a while is no longer one that ends after each start.
            host.runtime.state.withLock { $0.recovering = [:] }
            _ = try await host.manager.settleRecovering()
            #expect(try host.dev().target.lifecycleStatus == .active)
            #expect(try host.dev().target.reason == nil)
            let settled = try store.operations(of: id).count
            try age(host, by: 61)
            end()
            #expect(try await host.manager.recover(checkingServers: true, retrying: .due).map(\.isFault) == [false])
            #expect(try store.operations(of: id).count == settled + 1)
            try host.expectTruth()
        }
    }

    @Test("A database that cannot be reached is forgotten when somebody says so, and what is left is named")
    func forgotten() async throws {
        try await LifecycleHost.run { host in
            host.fail("stop")
            await #expect(throws: BranchError.self) { try await host.manager.deleteDatabase(host.main.database) }
            let left = try await host.manager.forgetDatabase(host.main.database)
            #expect(left.count == 2)
            #expect(
                left.allSatisfy { $0.contains("stop does not work today") && $0.contains("the files of") },
                "\(left)"
            )
            let store = host.manager.store
            #expect(try store.databases().isEmpty && store.branches().isEmpty)
            #expect(host.takeEvents().contains("routes "), "nobody is led there")
            #expect(try store.operations().allSatisfy { $0.status != .running })
            #expect(try await host.manager.recover(checkingServers: true).isEmpty)
            // One that can be reached is deleted.
            host.fail()
            let other = try await host.manager.createDatabase("other", in: host.main.project)
            #expect(try await host.manager.forgetDatabase(other.database).isEmpty)
            #expect(try store.databases().isEmpty)
        }
    }

    @Test("Copies of one branch are made one after the other; one that only waits is given up when it is told to")
    func turns() async throws {
        let directory = try TemporaryDirectory("turns")
        defer { directory.remove() }
        let store = try BranchStore.open(in: directory.path)
        let runtime = FakeRuntime()
        let isStopping = LockedFlag()
        let ports = HostPorts.next()
        // Two of them, as two processes have.
        let managers = try (0..<2).map { _ in
            try BranchManager(
                store: store,
                runtimes: [.local: runtime],
                routes: FakeRoutes(runtime: runtime, store: store),
                directory: directory.path,
                hostPorts: ports,
                isStopping: { isStopping.get() }
            )
        }
        let main = try await managers[0].createDatabase("shop", in: managers[0].createProject("shop"))
        runtime.state.withLock { $0.held = ["copy"] }
        async let first = managers[0].createBranch("a", from: main)
        while runtime.state.withLock({ $0.waiting["copy"] ?? 0 }) == 0 { await Task.yield() }
        async let second = managers[1].createBranch("b", from: main)
        while try store.branches().count < 3 { await Task.yield() }
        isStopping.set()
        do {
            _ = try await second
            Issue.record("it was not given up")
        } catch BranchError.busy {
        } catch { Issue.record(error) }
        #expect(runtime.state.withLock { $0.waiting["copy"] } == 1, "the second has not begun to copy")
        runtime.state.withLock { $0.held = [] }
        #expect(try await first.target.lifecycleStatus == .active)
        #expect(try store.branches().map(\.target.name) == ["main", "a"], "the second is undone")
        _ = try await managers[1].createBranch("b", from: main)
    }
}
