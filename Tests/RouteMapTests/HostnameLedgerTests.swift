import Foundation
import RouteMap
import Testing

@Suite struct HostnameLedgerTests {
    private typealias Request = HostnameBuilder.Request

    private let start = Date(timeIntervalSince1970: 1_800_000_000)

    private func request(_ id: String, _ target: String, of database: String = "orders") -> Request {
        Request(targetID: id, target: target, database: database, projectID: "proj_1", project: "shop")
    }

    /// Gives names and notes them, as those do who keep a ledger.
    ///
    /// - Returns: the labels, by target.
    private func give(
        _ ledger: inout HostnameLedger,
        _ requests: [Request],
        base: String? = "example.net",
        at now: Date
    ) throws -> [String: String] {
        let names = try base.map { try ledger.names(for: requests, base: Hostname($0), at: now) } ?? [:]
        ledger.record(requests, names: names, at: now)
        return names.mapValues { String($0.name.prefix { $0 != "." }) }
    }

    @Test("The name of a branch that is gone goes to its namesake at once, and to others after the time")
    func retention() throws {
        var ledger = HostnameLedger()
        let users = request("dbt_2", "main", of: "users")
        #expect(try give(&ledger, [request("dbt_1", "main"), users], at: start)["dbt_2"] == "main-users")
        #expect(try give(&ledger, [users], at: start + 10)["dbt_2"] == "main-users")
        // Another database's new branch does not get what the first database's had.
        let third = request("dbt_3", "main", of: "third")
        #expect(try give(&ledger, [users, third], at: start + 20)["dbt_3"] == "main-third")
        // Created anew under the same name in the same database.
        let again = request("dbt_4", "main")
        #expect(try give(&ledger, [users, third, again], at: start + 30)["dbt_4"] == "main")
        #expect(try give(&ledger, [users, third], at: start + 40)["dbt_2"] == "main-users")
        let early = start + 39 + HostnameLedger.retention
        #expect(
            try give(&ledger, [users, third, request("dbt_5", "main", of: "fifth")], at: early)["dbt_5"] == "main-fifth"
        )
        let late = start + 41 + HostnameLedger.retention
        let names = try give(&ledger, [users, third, request("dbt_6", "main", of: "sixth")], at: late)
        #expect(names == ["dbt_2": "main-users", "dbt_3": "main-third", "dbt_6": "main"])
    }

    @Test("Without a wildcard base, and with another for a time, names come back to those who had them")
    func base() throws {
        var ledger = HostnameLedger()
        let users = request("dbt_2", "main", of: "users")
        _ = try give(&ledger, [request("dbt_1", "main"), users], at: start)
        // The oldest goes while nobody has a name.
        #expect(try give(&ledger, [users], base: nil, at: start + 10) == [:])
        #expect(try give(&ledger, [users], at: start + 2 * HostnameLedger.retention)["dbt_2"] == "main-users")
        #expect(try give(&ledger, [users], base: "example.org", at: start + 20)["dbt_2"] == "main")
        #expect(try give(&ledger, [users], at: start + 30)["dbt_2"] == "main-users")
    }

    @Test(
        "A former name that still leads to its branch goes to nobody else, not even to its namesake or an older branch"
    )
    func aliases() throws {
        var ledger = HostnameLedger()
        _ = try give(&ledger, [request("dbt_1", "dev")], at: start)
        let former = try Hostname("dev.pg.shop.example.net")
        let (old, new) = (request("dbt_1", "old"), request("dbt_2", "dev"))
        func names(_ requests: [Request], at now: Date) throws -> [String: String] {
            try ledger.names(
                for: requests,
                base: Hostname("example.net"),
                aliases: [former: "dbt_1"],
                at: now
            ).mapValues { String($0.name.prefix { $0 != "." }) }
        }
        for requests in [[old, new], [new, old]] {
            #expect(try names(requests, at: start + 1) == ["dbt_1": "old", "dbt_2": "dev-orders"])
            let late = start + 2 * HostnameLedger.retention
            #expect(try names(requests, at: late) == ["dbt_1": "old", "dbt_2": "dev-orders"])
        }
        #expect(try names([request("dbt_1", "dev"), new], at: start + 1) == ["dbt_1": "dev", "dbt_2": "dev-orders"])
        // Not let go before its time is over.
        ledger.record(
            [old],
            names: ["dbt_1": try Hostname("old.pg.shop.example.net")],
            lingering: [former],
            at: start + 2
        )
        #expect(ledger.entries[former]?.freedAt == nil)
        ledger.record([old], names: ["dbt_1": try Hostname("old.pg.shop.example.net")], at: start + 3)
        #expect(ledger.entries[former]?.freedAt == start + 3)
    }

    @Test("A branch that is renamed and renamed back has its name again, unless its namesake took it")
    func renamed() throws {
        var ledger = HostnameLedger()
        #expect(try give(&ledger, [request("dbt_1", "dev")], at: start)["dbt_1"] == "dev")
        #expect(try give(&ledger, [request("dbt_1", "old")], at: start + 1)["dbt_1"] == "old")
        #expect(try give(&ledger, [request("dbt_1", "dev")], at: start + 2)["dbt_1"] == "dev")
        #expect(try give(&ledger, [request("dbt_1", "old")], at: start + 3)["dbt_1"] == "old")
        let both = try give(&ledger, [request("dbt_1", "old"), request("dbt_2", "dev")], at: start + 4)
        #expect(both == ["dbt_1": "old", "dbt_2": "dev"])
        let back = try give(&ledger, [request("dbt_1", "dev"), request("dbt_2", "dev2")], at: start + 5)
        #expect(back == ["dbt_1": "dev", "dbt_2": "dev2"])
    }
}
