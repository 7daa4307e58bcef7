import BranchManager
import Foundation
import GRDB
import RouteMap
import TestSupport
import Testing

@Suite struct BranchStoreTests {
    @Test(
        "Names of branches and databases",
        arguments: [
            ("main", true), ("a", true), ("7", true), ("a-b", true), (String(repeating: "a", count: 62), true),
            ("", false),
            ("-a", false), ("a-", false), ("A", false), ("a_b", false), ("ä", false), ("a b", false),
            (String(repeating: "a", count: 63), false), ("a\0", false),
        ]
    )
    func names(name: String, isGood: Bool) {
        if isGood {
            #expect(throws: Never.self) { try BranchName.check(name, of: "branch") }
        } else {
            #expect(throws: BranchError.self) { try BranchName.check(name, of: "branch") }
        }
    }

    @Test("Ids have their prefix and 20 characters, and differ")
    func identifiers() {
        for kind in Identifier.allCases {
            let ids = (0..<100).map { _ in kind.make() }
            #expect(Set(ids).count == 100)
            #expect(
                ids.allSatisfy { $0.wholeMatch(of: /[a-z]+_[0-9a-z]{20}/) != nil && $0.hasPrefix("\(kind.rawValue)_") }
            )
        }
    }

    @Test("Every status and every action: what may begin", arguments: LifecycleStatus.allCases)
    func allowed(status: LifecycleStatus) {
        for action in BranchAction.allCases {
            // No operation is under way.
            let isSettled = [.active, .stopped, .expired, .recovering].contains(status)
            #expect(status.allows(action) == (isSettled ? action != .create : action == .delete), "\(status) \(action)")
        }
    }

    @Test("What is kept is there when it is opened again; only its owner can read it")
    func reopened() async throws {
        let directory = try TemporaryDirectory("store")
        defer { directory.remove() }
        let store = try BranchStore.open(in: directory.path)
        #expect(try store.wildcardBase() == nil)
        #expect(try store.gatewayPort() == 5_432)
        try store.setWildcardBase(Hostname("example.net"))
        try store.setGatewayPort(6_432)
        #expect(throws: BranchError.self) { try store.setGatewayPort(0) }
        try store.setGatewayFault("It cannot.")
        #expect(try store.gatewayFault() == "It cannot.")
        try store.change(SettingsChange())
        #expect(try store.gatewayFault() == nil, "a change, even of nothing, is a new try")
        let again = try BranchStore.open(in: directory.path)
        #expect(try again.wildcardBase()?.name == "example.net")
        #expect(try again.gatewayPort() == 6_432)
        for file in try FileManager.default.contentsOfDirectory(atPath: directory.path) {
            let mode = try FileManager.default.attributesOfItem(atPath: directory.file(file))[.posixPermissions] as? Int
            #expect((mode ?? 0o777) & 0o077 == 0, "\(file) has mode \(String(mode ?? 0, radix: 8))")
        }
    }

    @Test("A file that is no store is told by its name")
    func broken() throws {
        let directory = try TemporaryDirectory("store")
        defer { directory.remove() }
        try directory.write(String(repeating: "nonsense ", count: 1_000), to: "frost.db")
        let error = #expect(throws: BranchError.self) { try BranchStore.open(in: directory.path) }
        #expect(error?.description.contains(directory.file("frost.db")) == true)
        #expect(throws: BranchError.self) { try BranchStore.open(in: directory.file("none")) }
    }

    @Test("A store of a newer frost is left alone")
    func newer() throws {
        let directory = try TemporaryDirectory("newer")
        defer { directory.remove() }
        do {
            let store = try BranchStore.open(in: directory.path)
            try store.write { db in try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('99: what comes')") }
        }
        let error = #expect(throws: BranchError.self) { try BranchStore.open(in: directory.path) }
        #expect(error?.description.contains("newer version of frost") == true)
    }

    @Test("Another wildcard base gives all branches new names; without one they have none")
    func wildcardBase() async throws {
        try await LifecycleHost.run { host in
            let store = host.manager.store
            try store.setWildcardBase(Hostname("db.example.com"))
            #expect(
                try store.branches().map(\.target.hostname) == [
                    "main.pg.shop.db.example.com", "dev.pg.shop.db.example.com",
                ]
            )
            try await host.manager.renameProject(host.main.project, to: "Shop Two")
            #expect(try host.dev().target.hostname == "dev.pg.shop-two.db.example.com")
            #expect(throws: BranchError.self) {
                try store.setWildcardBase(Hostname(String(repeating: "a.", count: 80) + "b"))
            }
        }
    }

    @Test("Things are found by name and by id; what is not there is named")
    func lookUp() async throws {
        try await LifecycleHost.run { host in
            let store = host.manager.store
            #expect(try store.database("shop").id == host.main.database.id)
            #expect(try store.database(host.main.database.id).name == "shop")
            #expect(try store.branch(host.main.target.id, in: host.main.database).target.name == "main")
            #expect(throws: BranchError.notFound("there is no database 'x'")) { try store.database("x") }
            #expect(throws: BranchError.notFound("there is no project 'x'")) { try store.project("x") }
            let second = try host.manager.createProject("second")
            _ = try await host.manager.createDatabase("shop", in: second)
            #expect(throws: BranchError.self) { try store.database("shop") }
            #expect(try store.database("shop", project: "second").projectId == second.id)
        }
    }
}
