import BranchManager
import Foundation
import GRDB
import RouteMap
import TestSupport
import Testing

/// Former hostnames that lead to their branches for a time.
@Suite struct AliasTests {
    private let week = AliasDuration.usual

    /// `hostname -> branch`, in order of name; former ones in brackets.
    private func used(_ store: BranchStore) throws -> [String] {
        let names = Dictionary(uniqueKeysWithValues: try store.branches().map { ($0.target.id, $0.target.name) })
        return try store.hostnamesInUse().map { used in
            let label = used.hostname.replacing(".pg.shop.example", with: "")
            return "\(used.endsAt == nil ? label : "(\(label))") -> \(names[used.targetID] ?? "?")"
        }
    }

    @Test("A duration: a number with a unit, from a minute to 90 days; nothing else")
    func durations() throws {
        for (text, seconds) in [
            ("1m", 60), ("7d", 604_800), ("36h", 129_600), ("90d", 7_776_000), ("129600m", 7_776_000),
        ] {
            #expect(try AliasDuration(text).seconds == seconds, "\(text)")
        }
        for text in [
            "", "7", "d", "0d", "91d", "59s", "1.5h", "-1d", "+7d", " 7d", "7D", "7 d", "99999999999999999999d", "１d",
        ] {
            let error = #expect(throws: BranchError.self, "\(text)") { try AliasDuration(text) }
            #expect(error?.description.contains("such as 7d") == true)
        }
        #expect(throws: BranchError.self) { try AliasDuration(seconds: 59) }
        #expect(try AliasDuration("7d").text == "7 days")
        #expect(try AliasDuration("1h").text == "1 hour")
        #expect(try AliasDuration("90m").text == "90 minutes")
    }

    @Test("A wildcard domain as people write it; what it cannot be is said in their words")
    func domains() throws {
        for text in ["example.net", "*.example.net", "Example.NET", "*.EXAMPLE.net.", " example.net\n"] {
            #expect(try WildcardDomain.parse(text).name == "example.net", "\(text)")
        }
        for text in [
            "", "*.", "*", "*.*.example.net", "a b", "-a.net", "*example.net", "10.0.0.1",
            String(repeating: "a.", count: 80) + "b",
        ] {
            let error = #expect(throws: BranchError.self, "\(text)") { try WildcardDomain.parse(text) }
            #expect(error?.description.contains("wildcard domain") == true, "\(error?.description ?? "")")
        }
    }

    @Test(
        "A rename keeps the old hostname where that is asked for; nobody else is given it, and a rename back takes it"
    )
    func rename() async throws {
        try await LifecycleHost.run { host in
            let store = host.manager.store
            let before = Date.now
            let renamed = try await host.manager.rename(host.dev(), to: "neu", keepingHostnameFor: week)
            #expect(try used(store) == ["(dev.net) -> neu", "main.net -> main", "neu.net -> neu"])
            let alias = try #require(renamed.aliases.first)
            #expect(alias.endsAt >= week.end(from: before) && alias.endsAt <= week.end(from: .now))
            #expect(try store.branches().map(\.aliases.count) == [0, 1])

            // Its namesake of the same database would be given it at once, but for that.
            let namesake = try await host.manager.createBranch("dev", from: host.main)
            #expect(namesake.target.hostname == "dev-shop.pg.shop.example.net")
            try await host.manager.delete(namesake)

            // Two at a time; then back, by one of them.
            _ = try await host.manager.rename(renamed, to: "third", keepingHostnameFor: week)
            #expect(
                try used(store) == [
                    "(dev.net) -> third", "main.net -> main", "(neu.net) -> third", "third.net -> third",
                ]
            )
            let third = try store.branch("third", in: host.main.database)
            _ = try await host.manager.rename(third, to: "dev")
            #expect(try used(store) == ["dev.net -> dev", "main.net -> main", "(neu.net) -> dev"])
            _ = try await host.manager.rename(host.dev(), to: "dev2")
            #expect(try used(store) == ["dev2.net -> dev2", "main.net -> main", "(neu.net) -> dev2"], "off by default")
        }
    }

    @Test("An alias ends with its branch, and by hand")
    func ends() async throws {
        try await LifecycleHost.run(branches: ["dev", "qa"]) { host in
            let store = host.manager.store
            _ = try await host.manager.rename(host.dev(), to: "neu", keepingHostnameFor: week)
            let qa = try store.branch("qa", in: host.main.database)
            _ = try await host.manager.rename(qa, to: "test", keepingHostnameFor: week)
            try await host.manager.delete(store.branch("neu", in: host.main.database))
            #expect(try used(store) == ["main.net -> main", "(qa.net) -> test", "test.net -> test"])
            for hostname in ["dev.pg.shop.example.net", "test.pg.shop.example.net", "none"] {
                await #expect(throws: BranchError.self, "\(hostname)") { try await host.manager.endAlias(hostname) }
            }
            host.fail("routes")
            await #expect(throws: BranchError.self) { try await host.manager.endAlias("qa.pg.shop.example.net") }
            #expect(
                try used(store) == ["main.net -> main", "(qa.net) -> test", "test.net -> test"],
                "the map leads there"
            )
            host.fail()
            try await host.manager.endAlias("qa.pg.shop.example.net", of: qa.target.id)
            #expect(try used(store) == ["main.net -> main", "test.net -> test"])
            // By the rule for names that were let go: back to the branch that had it, not yet to another.
            #expect(
                try await host.manager.createBranch("qa", from: host.main).target.hostname
                    == "qa-shop.pg.shop.example.net"
            )
        }
    }

    @Test(
        "Another wildcard domain keeps the old hostnames where that is asked for; so does another project's name, and none"
    )
    func wildcard() async throws {
        try await LifecycleHost.run { host in
            let (manager, store) = (host.manager, host.manager.store)
            func change(_ base: String?, _ duration: AliasDuration?) async throws {
                try await manager.changeSettings(
                    SettingsChange(wildcardBase: .some(try base.map { try Hostname($0) }), keepsHostnamesFor: duration)
                )
            }
            #expect(
                try store.hostnames(under: Hostname("example.org")).map(\.hostname) == [
                    "main.pg.shop.example.org", "dev.pg.shop.example.org",
                ]
            )
            try await change("example.org", week)
            #expect(
                try used(store) == ["(dev.net) -> dev", "dev.org -> dev", "(main.net) -> main", "main.org -> main"]
            )
            try await change("example.org", week)
            #expect(try used(store).count == 4, "what changes nothing keeps nothing")
            try await change("example.net", nil)
            #expect(try used(store) == ["dev.net -> dev", "main.net -> main"])
            try await change(nil, week)
            #expect(try used(store) == ["(dev.net) -> dev", "(main.net) -> main"])
            try await change("example.org", nil)
            #expect(
                try used(store) == ["(dev.net) -> dev", "dev.org -> dev", "(main.net) -> main", "main.org -> main"]
            )
            try await manager.renameProject(host.main.project, to: "shop two", keepingHostnamesFor: week)
            #expect(try used(store).filter { $0.hasPrefix("(") }.count == 4)
            try await change(nil, nil)
            #expect(try used(store) == [], "nobody is reached by any name")
        }
    }

    @Test("Where the route map cannot be written, aliases are what they were")
    func undone() async throws {
        try await LifecycleHost.run { host in
            let store = host.manager.store
            let neu = try await host.manager.rename(host.dev(), to: "neu", keepingHostnameFor: week)
            let before = try store.hostnamesInUse()
            host.fail("routes")
            // Makes one; takes one; takes one and makes one.
            for (name, duration) in [("third", week), ("dev", nil), ("dev", week)] {
                await #expect(throws: BranchError.self) {
                    try await host.manager.rename(neu, to: name, keepingHostnameFor: duration)
                }
                #expect(try store.hostnamesInUse() == before)
            }
            for (base, duration) in [("example.org", week), (nil, week), (nil, nil), ("example.org", nil)] {
                await #expect(throws: BranchError.self) {
                    try await host.manager.changeSettings(
                        SettingsChange(
                            wildcardBase: .some(try base.map { try Hostname($0) }),
                            keepsHostnamesFor: duration
                        )
                    )
                }
                #expect(try store.hostnamesInUse() == before, "\(base ?? "none")")
            }
            await #expect(throws: BranchError.self) {
                try await host.manager.renameProject(host.main.project, to: "other", keepingHostnamesFor: week)
            }
            #expect(try store.hostnamesInUse() == before)
            host.fail()
            // The name is kept from others as before.
            #expect(
                try await host.manager.createBranch("dev", from: host.main).target.hostname
                    == "dev-shop.pg.shop.example.net"
            )
        }
    }

    @Test("What is over by now is no obstacle: the name goes by the rule for names that were let go, from its end on")
    func over() async throws {
        try await LifecycleHost.run { host in
            let store = host.manager.store
            _ = try await host.manager.rename(host.dev(), to: "neu", keepingHostnameFor: week)
            let end = Date(timeIntervalSince1970: Date.now.timeIntervalSince1970.rounded(.down) - 60)
            try store.write { db in try db.execute(sql: "UPDATE hostnameAlias SET endsAt = ?", arguments: [end]) }
            #expect(try used(store) == ["main.net -> main", "neu.net -> neu"])
            let second = try await host.manager.createDatabase("second", in: host.main.project)
            let other = try await host.manager.createBranch("dev", from: second)
            #expect(other.target.hostname == "dev-second.pg.shop.example.net", "not yet for others")
            #expect(try store.branches().allSatisfy(\.aliases.isEmpty))
            let freed = try store.read { db in
                try Date.fetchOne(
                    db,
                    sql: "SELECT freedAt FROM givenHostname WHERE hostname = 'dev.pg.shop.example.net'"
                )
            }
            #expect(freed == end)
            let back = try await host.manager.rename(store.branch("neu", in: host.main.database), to: "dev")
            #expect(back.target.hostname == "dev.pg.shop.example.net")
        }
    }
}
