import BranchTestSupport
import Foundation
import GRDB
import RouteMap
import Synchronization
import TestSupport
import Testing

@testable import BranchManager

/// The lifecycle as such: what is called in which order, and what may be done.
@Suite struct LifecycleTests {
    @Test("A route appears once the server answers, and goes before it is taken down")
    func order() async throws {
        try await LifecycleHost.run { host in
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
        try await LifecycleHost.run { host in
            try await host.manager.start(host.dev())
            #expect(host.takeEvents().isEmpty)
        }
    }

    @Test("A port that a deleted branch had is given to nobody for a while")
    func freedPort() async throws {
        try await LifecycleHost.run { host in
            let port = try host.dev().target.hostPort
            try await host.manager.delete(host.dev())
            let next = try await host.manager.createBranch("dev", from: host.main)
            #expect(next.target.hostPort != port)
            try host.manager.store.write { db in try db.execute(sql: "UPDATE freedPort SET freedAt = '2020-01-01'") }
            let later = try await host.manager.createBranch("later", from: host.main)
            #expect(later.target.hostPort == port)
        }
    }

    @Test("What may not be done is refused with the rule, and changes nothing")
    func notAllowed() async throws {
        try await LifecycleHost.run { host in
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
            let locks = try FileManager.default.contentsOfDirectory(atPath: host.manager.locks)
            #expect(
                Set(locks).isSubset(of: [main, dev].map { "\($0.target.id).lock" } + ["\(main.target.id).copy.lock"]),
                "what is refused leaves nothing"
            )
            let other = try await host.manager.createDatabase("other", in: main.project)
            await #expect(throws: BranchError.self) { try await host.manager.reset(dev, to: other) }
            // What it was copied from may go; then it has to be said what to reset to.
            let qa = try await host.manager.createBranch("qa", from: dev)
            try await host.manager.delete(dev)
            await #expect(throws: BranchError.self) { try await host.manager.reset(qa.self) }
            try host.expectTruth()
        }
    }

    @Test("A project's name is any that people can read and type")
    func projectNames() async throws {
        try await LifecycleHost.run { host in
            let longest = String(repeating: "x", count: 200)
            for name in ["日本", "Ünïcode & <Co>", "a b", "👩‍👩‍👧", "می‌خواهم", longest] {
                let project = try host.manager.createProject(name)
                #expect(project.name == name)
            }
            for name in [
                "", " ", " x", "x ", "\u{2028}", "\u{200B}", "\u{200D}", "a\u{7F}b", "a\u{85}b", "a\u{202E}b", "a\nb",
                longest + "x",
                "a" + String(repeating: "\u{301}", count: 300),
            ] {
                #expect(throws: BranchError.self, "\(name.debugDescription)") { try host.manager.createProject(name) }
                await #expect(throws: BranchError.self) {
                    try await host.manager.renameProject(host.main.project, to: name)
                }
            }
        }
    }

    @Test("Two databases both have main, and keep their names; a deleted database takes all its branches along")
    func databases() async throws {
        try await LifecycleHost.run { host in
            let other = try await host.manager.createDatabase("other", in: host.main.project)
            #expect(host.main.target.hostname == "main.pg.shop.example.net")
            #expect(other.target.hostname == "main-other.pg.shop.example.net")
            try await host.manager.deleteDatabase(host.main.database)
            let left = try host.manager.store.branches()
            #expect(left.map(\.target.id) == [other.target.id])
            #expect(left.first?.target.hostname == other.target.hostname, "nobody else's name changes")
            // Nor when nobody has a name for a time: the clean one was another database's.
            try host.manager.store.setWildcardBase(nil)
            try host.manager.store.setWildcardBase(Hostname("example.net"))
            #expect(try host.manager.store.branches().first?.target.hostname == other.target.hostname)
            let third = try await host.manager.createDatabase("third", in: host.main.project)
            #expect(third.target.hostname == "main-third.pg.shop.example.net")
            try host.expectTruth()
        }
    }

    @Test("Many branches side by side; one operation at a time on each")
    func concurrency() async throws {
        let names = (0..<8).map { "b\($0)" }
        try await LifecycleHost.run(branches: names) { host in
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
