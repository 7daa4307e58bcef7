import BranchManager
import BranchTestSupport
import GRDB
import RouteMap
import Synchronization
import TestSupport
import Testing

/// The lifecycle as such: what is called in which order, and what is left when something fails.
@Suite struct LifecycleTests {
    struct Host {
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
    }

    static func withHost(
        branches: [String] = ["dev"],
        _ body: (Host) async throws -> Void
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
        let host = Host(manager: manager, runtime: runtime, main: main)
        _ = host.takeEvents()
        try await body(host)
    }

    @Test("A route appears once the server answers, and goes before it is taken down")
    func order() async throws {
        try await Self.withHost { host in
            _ = try await host.manager.createBranch("qa", from: host.main)
            #expect(
                host.takeEvents() == ["copy qa", "adopt qa", "routes +main +dev", "start qa", "routes +main +dev +qa"]
            )
            let dev = try host.dev()
            try await host.manager.stop(dev)
            #expect(host.takeEvents() == ["routes +main -dev +qa", "stop dev"])
            try await host.manager.start(dev)
            #expect(host.takeEvents() == ["routes +main -dev +qa", "start dev", "routes +main +dev +qa"])
            try await host.manager.deploy(dev)
            #expect(host.takeEvents() == ["routes +main -dev +qa", "stop dev", "start dev", "routes +main +dev +qa"])
            try await host.manager.reset(dev)
            #expect(
                host.takeEvents() == [
                    "copy dev", "routes +main -dev +qa", "stop dev", "adopt dev", "start dev", "routes +main +dev +qa",
                ]
            )
            let renamed = try await host.manager.rename(dev, to: "neu")
            #expect(renamed.target.hostname == "neu.pg.shop.example.net")
            #expect(host.takeEvents() == ["routes +main +neu +qa"])
            try await host.manager.delete(dev)
            #expect(host.takeEvents() == ["routes +main +qa", "stop neu", "remove neu"])
            try host.expectTruth()
        }
    }

    @Test("Start of a branch that runs does nothing, and ends no session")
    func startTwice() async throws {
        try await Self.withHost { host in
            try await host.manager.start(host.dev())
            #expect(host.takeEvents().isEmpty)
        }
    }

    @Test(
        "Whatever fails: the store says what is so, the reason is kept, and the next try succeeds",
        arguments: ["initialize", "copy", "adopt", "start"]
    )
    func createFails(call: String) async throws {
        try await Self.withHost { host in
            host.fail(call)
            let error = await #expect(throws: BranchError.self) {
                if call == "initialize" {
                    _ = try await host.manager.createDatabase("other", in: host.main.project)
                } else {
                    _ = try await host.manager.createBranch("qa", from: host.main)
                }
            }
            #expect(error?.description == "\(call) does not work today")
            #expect(try host.manager.store.branches().count == 2, "nothing is left of it")
            #expect(try host.manager.store.databases().count == 1)
            let operation = try #require(try host.manager.store.operations().first)
            #expect(operation.status == .failed)
            #expect(operation.message?.contains(call) == true)
            host.fail()
            try host.expectTruth()
            _ = try await host.manager.createBranch("qa", from: host.main)
            try host.expectTruth()
        }
    }

    @Test(
        "Start, deploy and reset that fail leave the branch stopped with the reason",
        arguments: [
            (BranchAction.start, "start"), (.deploy, "start"), (.reset, "start"), (.reset, "adopt"),
        ]
    )
    func changeFails(action: BranchAction, call: String) async throws {
        try await Self.withHost { host in
            let dev = try host.dev()
            if action == .start { try await host.manager.stop(dev) }
            host.fail(call)
            await #expect(throws: BranchError.self) {
                switch action {
                case .start: try await host.manager.start(dev)
                case .deploy: try await host.manager.deploy(dev)
                default: try await host.manager.reset(dev)
                }
            }
            let after = try host.dev().target
            #expect(after.lifecycleStatus == .stopped)
            #expect(after.reason?.contains(call) == true)
            host.fail()
            if call != "adopt" { try host.expectTruth() }
            try await host.manager.start(dev)
            #expect(try host.dev().target.lifecycleStatus == .active)
            #expect(try host.dev().target.reason == nil)
        }
    }

    @Test("A copy that fails leaves a branch that is to be reset as it was, and serving")
    func resetCopyFails() async throws {
        try await Self.withHost { host in
            host.fail("copy")
            await #expect(throws: BranchError.self) { try await host.manager.reset(host.dev()) }
            #expect(try host.dev().target.lifecycleStatus == .active)
            try host.expectTruth()
        }
    }

    @Test(
        "A server that cannot be stopped is said to run; a delete that fails stays out of the routes and can be repeated"
    )
    func stopFails() async throws {
        try await Self.withHost { host in
            host.fail("stop")
            await #expect(throws: BranchError.self) { try await host.manager.stop(host.dev()) }
            #expect(try host.dev().target.lifecycleStatus == .active)
            #expect(host.takeEvents().last == "routes +main +dev")
            await #expect(throws: BranchError.self) { try await host.manager.delete(host.dev()) }
            #expect(try host.dev().target.lifecycleStatus == .deleting)
            #expect(host.takeEvents().contains("routes +main"))
            host.fail()
            await #expect(throws: BranchError.self) { try await host.manager.start(host.dev()) }
            try await host.manager.delete(host.dev())
            #expect(throws: BranchError.self) { try host.dev() }
            try host.expectTruth()
        }
    }

    @Test(
        "A route map that cannot be written: nobody is cut off, no port is freed, and the store says what is so",
        arguments: [BranchAction.stop, .deploy, .reset, .delete]
    )
    func routesFail(action: BranchAction) async throws {
        try await Self.withHost { host in
            let dev = try host.dev()
            host.fail("routes")
            let error = await #expect(throws: BranchError.self) {
                switch action {
                case .stop: try await host.manager.stop(dev)
                case .deploy: try await host.manager.deploy(dev)
                case .reset: try await host.manager.reset(dev)
                default: try await host.manager.delete(dev)
                }
            }
            #expect(error == .store("routes does not work today"))
            #expect(try host.dev().target.lifecycleStatus == .active)
            #expect(!host.takeEvents().contains("stop dev"), "its server was left alone")
            #expect(try host.manager.store.operations(of: dev.target.id).first?.status == .failed)
            try host.expectTruth()
            host.fail()
            try await host.manager.delete(host.dev())
            try host.expectTruth()
        }
    }

    @Test("A route map that cannot be written: no hostname goes to another branch; a start goes on")
    func routesFailNames() async throws {
        try await Self.withHost { host in
            try await host.manager.stop(host.dev())
            host.fail("routes")
            let names = try host.manager.store.branches().map(\.target.hostname)
            await #expect(throws: BranchError.self) { try await host.manager.createBranch("qa", from: host.main) }
            await #expect(throws: BranchError.self) { try await host.manager.rename(host.dev(), to: "neu") }
            await #expect(throws: BranchError.self) {
                try await host.manager.renameProject(host.main.project, to: "other")
            }
            for change in [
                SettingsChange(wildcardBase: .some(nil), gatewayPort: 6_432),
                SettingsChange(wildcardBase: .some(try Hostname("other.example")), gatewayPort: 6_432),
                SettingsChange(isGatewayEnabled: false, gatewayPort: 6_432),
            ] {
                await #expect(throws: BranchError.self) { try await host.manager.changeSettings(change) }
            }
            let store = host.manager.store
            #expect(try store.wildcardBase()?.name == "example.net")
            #expect(try store.isGatewayEnabled())
            #expect(try store.gatewayPort() == BranchStore.defaultGatewayPort)
            #expect(try store.branches().map(\.target.hostname) == names)
            #expect(try store.projects().map(\.name) == ["shop"])
            try await host.manager.start(host.dev())
            try host.expectTruth()
        }
    }

    @Test("What recovery cannot finish, it tries again: a delete, and a database that is being deleted")
    func recoveryFails() async throws {
        try await Self.withHost(branches: ["dev", "qa"]) { host in
            try host.interrupt(.delete, "dev", status: .deleting)
            host.fail("routes")
            for _ in 0..<2 {
                let found = try await host.manager.recover(checkingServers: true)
                #expect(found.map(\.isFault) == [true])
            }
            host.fail()
            let found = try await host.manager.recover(checkingServers: true)
            #expect(found.map(\.isFault) == [false])
            #expect(throws: BranchError.self) { try host.dev() }

            host.fail("remove")
            await #expect(throws: BranchError.self) { try await host.manager.deleteDatabase(host.main.database) }
            for _ in 0..<2 { #expect(try await host.manager.recover(checkingServers: true).contains(where: \.isFault)) }
            #expect(try host.manager.store.databases().allSatisfy(\.isDeleting))
            host.fail()
            _ = try await host.manager.recover(checkingServers: true)
            #expect(try host.manager.store.databases().isEmpty)
            try host.expectTruth()
        }
    }

    @Test("A reset that is cut off while its copy is removed never takes what is left of it for data")
    func resetCopyHalfRemoved() async throws {
        try await Self.withHost { host in
            let dev = try host.dev()
            host.fail("routes", "discard")
            await #expect(throws: BranchError.self) { try await host.manager.reset(dev) }
            let operation = try #require(try host.manager.store.operations(of: dev.target.id).first)
            #expect(operation.step == "copied", "recovery undoes it from here")
            host.fail()
            #expect(try host.dev().target.lifecycleStatus == .active)
        }
    }

    @Test("A port that a deleted branch had is given to nobody for a while")
    func freedPort() async throws {
        try await Self.withHost { host in
            let port = try host.dev().target.hostPort
            try await host.manager.delete(host.dev())
            let next = try await host.manager.createBranch("dev", from: host.main)
            #expect(next.target.hostPort != port)
            try host.manager.store.write { db in try db.execute(sql: "UPDATE freedPort SET freedAt = '2020-01-01'") }
            let later = try await host.manager.createBranch("later", from: host.main)
            #expect(later.target.hostPort == port)
        }
    }

    @Test("A database whose deletion fails halfway takes no new branch, and recovery goes on with it")
    func deleteDatabaseFails() async throws {
        try await Self.withHost(branches: ["dev", "qa"]) { host in
            // Nothing of it is gone: it stays as it was.
            host.fail("routes")
            await #expect(throws: BranchError.self) { try await host.manager.deleteDatabase(host.main.database) }
            host.fail()
            try host.expectTruth()
            #expect(try host.manager.store.databases().allSatisfy { !$0.isDeleting })

            host.fail("remove")
            await #expect(throws: BranchError.self) { try await host.manager.deleteDatabase(host.main.database) }
            #expect(try host.manager.store.databases().allSatisfy { $0.isDeleting })
            host.fail()
            let main = try host.manager.store.branch("main", in: host.main.database)
            await #expect(throws: BranchError.self) { try await host.manager.createBranch("new", from: main) }
            let recovered = try await host.manager.recover(checkingServers: false)
            #expect(recovered.map(\.isFault) == [false])
            #expect(try host.manager.store.databases().isEmpty)
            try host.expectTruth()
        }
    }

    @Test("Of a branch that is half gone nothing is copied")
    func sourceHalfGone() async throws {
        try await Self.withHost(branches: ["dev", "qa"]) { host in
            host.fail("remove")
            await #expect(throws: BranchError.self) { try await host.manager.delete(host.dev()) }
            host.fail()
            let (dev, qa) = (try host.dev(), try host.manager.store.branch("qa", in: host.main.database))
            await #expect(throws: BranchError.self) { try await host.manager.createBranch("new", from: dev) }
            await #expect(throws: BranchError.self) { try await host.manager.reset(qa, to: dev) }
            #expect(try host.manager.store.branches().map(\.target.name) == ["main", "dev", "qa"])
        }
    }

    @Test("Servers that fell over are started; of those that nobody can tell of, nothing is said")
    func recovery() async throws {
        try await Self.withHost(branches: (0..<10).map { "b\($0)" }) { host in
            host.runtime.state.withLock { $0.running = [] }
            host.fail("isRunning")
            let unknown = try await host.manager.recover(checkingServers: true)
            #expect(unknown.count == 11 && unknown.allSatisfy(\.isFault))
            #expect(try host.manager.store.branches().allSatisfy { $0.target.lifecycleStatus == .active })
            host.fail()
            let recovered = try await host.manager.recover(checkingServers: true)
            #expect(recovered.count == 11 && recovered.allSatisfy { !$0.isFault })
            try host.expectTruth()
            let nothing = try await host.manager.recover(checkingServers: true)
            #expect(nothing.isEmpty)
        }
    }

    @Test("What may not be done is refused with the rule, and changes nothing")
    func notAllowed() async throws {
        try await Self.withHost { host in
            let (main, dev) = (host.main, try host.dev())
            await #expect(throws: BranchError.self) { try await host.manager.rename(main, to: "x") }
            await #expect(throws: BranchError.self) { try await host.manager.reset(main) }
            await #expect(throws: BranchError.self) { try await host.manager.delete(main) }
            await #expect(throws: BranchError.self) { try await host.manager.rename(dev, to: "main") }
            await #expect(throws: BranchError.self) { try await host.manager.rename(dev, to: "Not A Name") }
            await #expect(throws: BranchError.self) { try await host.manager.createBranch("dev", from: main) }
            await #expect(throws: BranchError.self) { try await host.manager.createBranch("", from: main) }
            await #expect(throws: BranchError.self) { try await host.manager.reset(dev, to: dev) }
            #expect(throws: BranchError.self) { try host.manager.deleteProject(main.project) }
            #expect(throws: BranchError.self) { try host.manager.createProject("shop") }
            let other = try await host.manager.createDatabase("other", in: main.project)
            await #expect(throws: BranchError.self) { try await host.manager.reset(dev, to: other) }
            // What it was copied from may go; then it has to be said what to reset to.
            let qa = try await host.manager.createBranch("qa", from: dev)
            try await host.manager.delete(dev)
            await #expect(throws: BranchError.self) { try await host.manager.reset(qa.self) }
            try host.expectTruth()
        }
    }

    @Test("Two databases both have main, and keep their names; a deleted database takes all its branches along")
    func databases() async throws {
        try await Self.withHost { host in
            let other = try await host.manager.createDatabase("other", in: host.main.project)
            #expect(host.main.target.hostname == "main.pg.shop.example.net")
            #expect(other.target.hostname == "main-\(HostnameBuilder.hash(other.target.id)).pg.shop.example.net")
            try await host.manager.deleteDatabase(host.main.database)
            let left = try host.manager.store.branches()
            #expect(left.map(\.target.id) == [other.target.id])
            #expect(left.first?.target.hostname == other.target.hostname, "nobody else's name changes")
            try host.expectTruth()
        }
    }

    @Test("Many branches side by side; one operation at a time on each")
    func concurrency() async throws {
        let names = (0..<8).map { "b\($0)" }
        try await Self.withHost(branches: names) { host in
            let ports = Set(try host.manager.store.branches().map(\.target.hostPort))
            #expect(ports.count == 9)
            #expect(ports.allSatisfy(BranchManager.defaultHostPorts.contains))
            let outcomes = await withTaskGroup(of: BranchError?.self) { group in
                for branch in (try? host.manager.store.branches()) ?? [] where !branch.target.isMain {
                    for _ in 0..<4 {
                        group.addTask {
                            do throws(BranchError) {
                                try await host.manager.deploy(branch)
                                return nil
                            } catch {
                                return error
                            }
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.contains(nil))
            for error in outcomes.compactMap({ $0 }) {
                guard case .busy = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
            try host.expectTruth()
            #expect(try host.manager.store.operations(limit: 1_000).allSatisfy { $0.status == .succeeded })
        }
    }
}
