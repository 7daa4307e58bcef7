import BranchManager
import BranchTestSupport
import GRDB
import RouteMap
import Synchronization
import TestSupport
import Testing

/// What is left when something fails or is cut off.
@Suite struct LifecycleFaultTests {
    @Test(
        "Whatever fails: the store says what is so, the reason is kept, and the next try succeeds",
        arguments: ["initialize", "copy", "adopt", "start"]
    )
    func createFails(call: String) async throws {
        try await LifecycleHost.run { host in
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
        try await LifecycleHost.run { host in
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
        try await LifecycleHost.run { host in
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
        try await LifecycleHost.run { host in
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
        try await LifecycleHost.run { host in
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
        try await LifecycleHost.run { host in
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
        try await LifecycleHost.run(branches: ["dev", "qa"]) { host in
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
        try await LifecycleHost.run { host in
            let dev = try host.dev()
            host.fail("routes", "discard")
            await #expect(throws: BranchError.self) { try await host.manager.reset(dev) }
            let operation = try #require(try host.manager.store.operations(of: dev.target.id).first)
            #expect(operation.step == "copied", "recovery undoes it from here")
            host.fail()
            #expect(try host.dev().target.lifecycleStatus == .active)
        }
    }

    @Test("A database whose deletion fails halfway takes no new branch, and recovery goes on with it")
    func deleteDatabaseFails() async throws {
        try await LifecycleHost.run(branches: ["dev", "qa"]) { host in
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
        try await LifecycleHost.run(branches: ["dev", "qa"]) { host in
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
        try await LifecycleHost.run(branches: (0..<10).map { "b\($0)" }) { host in
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
}
