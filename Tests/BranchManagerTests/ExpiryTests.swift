import BranchTestSupport
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing

@testable import BranchManager

/// Looks at a host's branches, minutes apart by a clock that the test sets.
private final class Looks {
    let watch: ExpiryWatch
    private var now = ContinuousClock.now
    private var date = Date.now

    init(_ manager: BranchManager) { watch = ExpiryWatch(manager) }

    /// - Returns: what was done.
    @discardableResult
    func look(after seconds: Double = 300) async throws -> [BranchManager.Recovery] {
        now += .seconds(seconds)
        date += seconds
        return try await watch.look(at: now, date: date)
    }

    /// In looks five minutes apart.
    @discardableResult
    func look(for seconds: Int) async throws -> [BranchManager.Recovery] {
        var done: [BranchManager.Recovery] = []
        for _ in 0..<seconds / 300 { done += try await look() }
        return done
    }
}

extension BranchManager {
    /// As if time had been watched.
    fileprivate func setExpiry(_ branch: BranchDetails, unused: Int? = nil, expired: Int? = nil) throws {
        try store.write { db in
            try db.execute(
                sql: """
                    UPDATE branchExpiry SET unusedSeconds = coalesce(?, unusedSeconds),
                    expiredSeconds = coalesce(?, expiredSeconds) WHERE targetId = ?
                    """,
                arguments: [unused, expired, branch.target.id]
            )
        }
    }
}

@Suite struct ExpiryTests {
    // MARK: Servers that are entries of a table

    @Test("A branch that nobody uses is unrouted, stopped, shown as expired, and deleted after seven days of that")
    func life() async throws {
        try await LifecycleHost.run { host in
            let dev = try await host.manager.setTTL(BranchTTL("1h"), of: host.dev())
            let looks = Looks(host.manager)
            try await looks.look()
            #expect(try await looks.look(for: 3_300).isEmpty)
            _ = host.takeEvents()
            let done = try await looks.look()
            #expect(done.count == 1 && done.allSatisfy { !$0.isFault }, "\(done)")
            #expect(host.takeEvents() == ["routes +main -dev", "stop dev"])
            let expired = try host.dev()
            #expect(expired.target.lifecycleStatus == .expired && expired.target.reason == nil)
            #expect(expired.target.hostPort == dev.target.hostPort && expired.deletesAt != nil)
            let operation = try #require(try host.manager.store.operations(of: dev.target.id).first)
            #expect(operation.action == .expire && operation.actor == .frost && operation.status == .succeeded)
            #expect(operation.message?.contains("not used for 1 hour") == true)
            // It can be copied, as one that is stopped can.
            try await host.manager.delete(host.manager.createBranch("copy", from: expired))
            try host.expectTruth()

            try await looks.look()
            try host.manager.setExpiry(dev, expired: 604_800 - 600)
            try await looks.look()
            #expect(try await looks.look().isEmpty)
            #expect(try host.dev().target.lifecycleStatus == .expired)
            let deleted = try await looks.look()
            #expect(deleted.count == 1 && deleted.allSatisfy { !$0.isFault }, "\(deleted)")
            #expect(throws: BranchError.self) { try host.dev() }
            let last = try #require(try host.manager.store.operations(of: dev.target.id).first)
            #expect(last.action == .delete && last.actor == .frost)
            #expect(last.message == "had been expired for 7 days")
            try host.expectTruth()
        }
    }

    @Test("Started by hand, an expired branch has its whole time again; so has one whose time is set or taken away")
    func renewed() async throws {
        for how in ["start", "ttl", "none", "rename", "copy"] {
            try await LifecycleHost.run { host in
                let dev = try await host.manager.setTTL(BranchTTL("1h"), of: host.dev())
                let looks = Looks(host.manager)
                try await looks.look()
                try host.manager.setExpiry(dev, unused: 3_600)
                try await looks.look()
                #expect(try await looks.look().count <= 1)
                var expired = try host.dev()
                #expect(expired.target.lifecycleStatus == .expired)
                try host.manager.setExpiry(dev, expired: 604_799)
                switch how {
                case "start": try await host.manager.start(expired)
                case "ttl": expired = try await host.manager.setTTL(BranchTTL("2d"), of: expired)
                case "none": expired = try await host.manager.setTTL(nil, of: expired)
                case "rename": _ = try await host.manager.rename(expired, to: "next")
                default: _ = try await host.manager.createBranch("copy", from: expired)
                }
                let after = try host.manager.store.branch(id: dev.target.id)
                let statuses: [String: LifecycleStatus] = ["start": .active, "ttl": .stopped, "none": .stopped]
                #expect(after.target.lifecycleStatus == statuses[how] ?? .expired, "\(how)")
                #expect((after.expiry == nil) == (how == "none"))
                #expect(after.expiry?.unusedSeconds ?? 0 == 0 && after.expiry?.expiredSeconds ?? 0 == 0, "\(how)")
                #expect(try await looks.look(for: 1_500).isEmpty, "\(how)")
                #expect(try host.manager.store.branch(id: dev.target.id).target.id == dev.target.id)
            }
        }
    }

    @Test("Nobody who can tell: nothing expires, nothing is deleted", arguments: ["query", "isRunning"])
    func unknown(call: String) async throws {
        try await LifecycleHost.run { host in
            let dev = try await host.manager.setTTL(BranchTTL("1h"), of: host.dev())
            let looks = Looks(host.manager)
            try await looks.look()
            try host.manager.setExpiry(dev, unused: 3_600)
            if call == "isRunning" { try await host.manager.stop(dev) }
            host.fail(call)
            #expect(try await looks.look(for: 36_000).isEmpty)
            #expect(try host.dev().target.lifecycleStatus == (call == "query" ? .active : .stopped))
            host.fail()
            // Nor on account of the time before.
            if call == "isRunning" {
                #expect(try await looks.look(for: 3_300).isEmpty)
                #expect(try host.dev().target.lifecycleStatus == .stopped)
            }
        }
    }

    @Test("One that has expired and was started past frost is not deleted")
    func startedPastFrost() async throws {
        try await LifecycleHost.run { host in
            let dev = try await host.manager.setTTL(BranchTTL("1h"), of: host.dev())
            let looks = Looks(host.manager)
            try await looks.look()
            try host.manager.setExpiry(dev, unused: 3_600)
            try await looks.look()
            try await looks.look()
            try host.manager.setExpiry(dev, expired: 604_800)
            host.runtime.state.withLock { _ = $0.running.insert(dev.target.id) }
            #expect(try await looks.look(for: 3_600).isEmpty)
            #expect(try host.dev().target.lifecycleStatus == .expired)
            host.runtime.state.withLock { _ = $0.running.remove(dev.target.id) }
        }
    }

    @Test("A branch stopped by hand expires too, one that has failed does not")
    func stopped() async throws {
        try await LifecycleHost.run(branches: ["dev", "broken"]) { host in
            let dev = try await host.manager.setTTL(BranchTTL("1h"), of: host.dev())
            let broken = try await host.manager.setTTL(
                BranchTTL("1h"),
                of: host.manager.store.branch("broken", in: host.main.database)
            )
            try await host.manager.stop(dev)
            try await host.manager.stop(broken)
            host.fail("start")
            await #expect(throws: BranchError.self) { try await host.manager.start(broken) }
            host.fail()
            let looks = Looks(host.manager)
            try await looks.look(for: 7_200)
            #expect(try host.dev().target.lifecycleStatus == .expired)
            let left = try host.manager.store.branch(id: broken.target.id)
            #expect(left.target.hasFailed && left.expiresAt == nil && left.expiry != nil)
            try host.expectTruth()
        }
    }

    @Test("While an operation is under way nothing expires; what is set meanwhile counts")
    func underWay() async throws {
        try await LifecycleHost.run { host in
            let dev = try await host.manager.setTTL(BranchTTL("1h"), of: host.dev())
            let looks = Looks(host.manager)
            try await looks.look()
            try host.manager.setExpiry(dev, unused: 3_600)
            var lock = host.manager.lockNow(dev.target.id)
            #expect(lock != nil)
            #expect(try await looks.look(for: 900).isEmpty)
            #expect(try host.dev().target.lifecycleStatus == .active)
            lock = nil
            let row = try #require(try host.dev().expiry)
            let renewed = try await host.manager.setTTL(BranchTTL("7d"), of: dev)
            await #expect(throws: BranchError.self) { try await host.manager.expire(renewed, from: row, to: row) }
            #expect(try host.dev().target.lifecycleStatus == .active)
            #expect(try host.manager.store.operations(of: dev.target.id).allSatisfy { $0.action != .expire })
        }
    }

    @Test("One that cannot be stopped stays active, and is tried in one operation, more and more rarely")
    func failing() async throws {
        try await LifecycleHost.run { host in
            let dev = try await host.manager.setTTL(BranchTTL("1h"), of: host.dev())
            let looks = Looks(host.manager)
            try await looks.look()
            try host.manager.setExpiry(dev, unused: 3_600)
            host.fail("stop")
            let found = try await looks.look(for: 3_000)
            #expect(!found.isEmpty && found.allSatisfy(\.isFault), "\(found)")
            #expect(try host.dev().target.lifecycleStatus == .active)
            #expect(try host.manager.store.operations(of: dev.target.id).count { $0.action == .expire } == 1)
            host.fail()
        }
    }

    @Test("An expiry that a crash cut off is finished")
    func crash() async throws {
        try await LifecycleHost.run { host in
            _ = try await host.manager.setTTL(BranchTTL("1h"), of: host.dev())
            try host.interrupt(.expire, "dev", status: .stopping)
            #expect(try await host.manager.recover(checkingServers: true).count == 1)
            #expect(try host.dev().target.lifecycleStatus == .expired)
            try host.expectTruth()
        }
    }

    @Test("Never main; a copy has the time that it was made with, and not its source's")
    func whose() async throws {
        try await LifecycleHost.run { host in
            let refused = await #expect(throws: BranchError.self) {
                try await host.manager.setTTL(BranchTTL("7d"), of: host.main)
            }
            #expect(refused?.description == "the branch 'main' never expires: other branches are copied from it")
            if case .notAllowed = refused {} else { Issue.record("\(String(describing: refused))") }
            #expect(try await host.manager.setTTL(nil, of: host.main).expiry == nil)
            let made = try await host.manager.createBranch("pr-1", from: host.main, ttl: BranchTTL("36h"))
            #expect(made.expiry?.ttl == (try BranchTTL("36h")))
            #expect(try await host.manager.createBranch("pr-2", from: made).expiry == nil)
            try await host.manager.delete(made)
            let left = try host.manager.store.read { db in try BranchExpiry.fetchCount(db) }
            #expect(left == 0)
        }
    }

    // MARK: Servers of PostgreSQL

    @Test(
        "A session keeps a branch, also one that came and went between two looks; frost's own do not",
        arguments: RuntimeKind.allCases
    )
    func sessions(kind: RuntimeKind) async throws {
        try await RuntimeHost.run(kind) { host in
            let main = try await host.makeDatabase()
            let dev = try await host.manager.createBranch("dev", from: main, ttl: BranchTTL("1h"))
            func expiry() throws -> BranchExpiry {
                try #require(try host.manager.store.branch(id: dev.target.id).expiry)
            }
            let looks = Looks(host.manager)
            try await looks.look()
            // What the client of the test has had at the making of the branch is counted by now.
            try await looks.look()
            try await looks.look(for: 900)
            // Questions of the page and of others, in the same process.
            for _ in 0..<3 {
                _ = try await host.manager.facts(of: dev)
                _ = try await host.manager.checkPassword(dev)
            }
            try await looks.look(for: 900)
            let unused = try expiry().unusedSeconds
            #expect(unused >= 1_500, "frost's own sessions count as use")

            // Came and went.
            _ = try await host.query(dev, "SELECT 1")
            try await Self.eventually { () async throws in
                try await looks.look()
                return try expiry().unusedSeconds < 900
            }
            // The same in the database that frost asks in.
            try host.manager.setExpiry(dev, unused: 3_000)
            try await looks.look()
            var other = dev
            other.database.databaseName = "postgres"
            _ = try await host.query(other, "SELECT 1")
            try await Self.eventually { () async throws in
                try await looks.look(after: 0)
                return try expiry().unusedSeconds < 900
            }

            // Stays, for longer than the branch's time.
            async let session = Self.stay(dev)
            try await Self.eventually { () async throws in
                try await host.runtime.use(ServerSpec(dev)).clients == 1
            }
            try host.manager.setExpiry(dev, unused: 3_599)
            #expect(try await looks.look(for: 4_500).isEmpty)
            #expect(try expiry().unusedSeconds == 0)
            #expect(
                try await host.query(
                    dev,
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
                ) == "1"
            )
            #expect(await !session)

            // Left alone, it goes.
            try await Self.eventually { () async throws in
                try await looks.look()
                return try host.manager.store.branch(id: dev.target.id).target.lifecycleStatus == .expired
            }
            #expect(try await !host.runtime.isRunning(ServerSpec(dev)))
            let started = try await host.manager.start(dev)
            #expect(started.target.lifecycleStatus == .active && started.expiry?.unusedSeconds == 0)
            #expect(try await host.query(started, "SELECT 1") == "1")
        }
    }

    @Test("A server that does not answer expires nothing")
    func unreachable() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let dev = try await host.manager.createBranch("dev", from: main, ttl: BranchTTL("1h"))
            let looks = Looks(host.manager)
            try await looks.look()
            try host.manager.setExpiry(dev, unused: 3_600)
            // Somebody has taken away what frost asks in.
            _ = try await host.query(dev, "ALTER DATABASE postgres RENAME TO elsewhere")
            #expect(try await looks.look(for: 1_500).isEmpty)
            #expect(try host.manager.store.branch(id: dev.target.id).target.lifecycleStatus == .active)
            _ = try await host.query(dev, "ALTER DATABASE elsewhere RENAME TO postgres")
        }
    }

    @Test("Nor does one whose role may not see whose sessions there are")
    func noSuperuser() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let dev = try await host.manager.createBranch("dev", from: main, ttl: BranchTTL("1h"))
            let name = dev.database.username
            _ = try await host.query(dev, "CREATE ROLE boss SUPERUSER; ALTER ROLE \(name) NOSUPERUSER")
            // What it may not see may be anybody.
            #expect(try await host.runtime.use(ServerSpec(dev)).clients > 0)
        }
    }

    /// A client that stays until it is cut off. Anybody may take frost's name; it does not make a session frost's.
    ///
    /// - Returns: whether it has ended by itself.
    private static func stay(_ branch: BranchDetails) async -> Bool {
        let result = try? await Command.run(
            "psql",
            [
                "-XqAt", "-c", "SELECT pg_sleep(100000)",
                "host=127.0.0.1 port=\(branch.target.hostPort) user=\(branch.database.username) "
                    + "dbname=\(branch.database.databaseName) connect_timeout=20",
            ],
            environment: ["PGPASSWORD": branch.database.password, "PGAPPNAME": "frost"]
        )
        return result?.isSuccess ?? true
    }

    /// Looks again until something is so; how long that takes is the server's affair.
    private static func eventually(_ body: () async throws -> Bool) async throws {
        for _ in 0..<200 {
            if try await body() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("not so after 200 looks")
    }
}
