import Foundation
import TestSupport
import Testing

@testable import BranchManager

/// Looks one after the other, with clocks that a test sets.
private struct Watcher {
    var machine = ExpiryMachine()
    var row: BranchExpiry
    /// The one that nobody sets, and the host's.
    var now = ContinuousClock.now
    var date = Date(timeIntervalSince1970: 1_800_000_000)
    var use = ServerUse(clients: 0, sessions: 5, sessionsOfPostgres: 0, startedAt: "a")
    var isExpired = false
    var isStopped = false
    /// Expired or deleted, once that was decided.
    private(set) var end: String?

    init(_ ttl: String) throws {
        row = BranchExpiry(targetId: "dbt_x", ttl: try BranchTTL(ttl), at: date)
    }

    mutating func pass(_ seconds: Double) {
        now += .seconds(seconds)
        date += seconds
    }

    mutating func look() {
        let sight: ExpiryMachine.Sight = isExpired ? .expired : isStopped ? .stopped : .running(use)
        switch machine.looked(sight, row, at: now, date: date) {
        case .nothing: break
        case .keep(let new): row = new
        case .expire(let new):
            row = new
            isExpired = true
            end = "expired"
        case .delete: end = "deleted"
        }
    }

    /// Looks once a minute.
    mutating func watch(_ seconds: Int, until wanted: String = "never") {
        for _ in 0..<seconds / 60 where end != wanted {
            pass(60)
            look()
        }
    }

    /// Watches until it is expired or deleted.
    ///
    /// - Returns: for how long, in seconds.
    mutating func wait(for wanted: String) -> Double {
        let start = now
        watch(40 * 86_400, until: wanted)
        let passed = now - start
        return Double(passed.components.seconds)
    }
}

@Suite struct ExpiryMachineTests {
    @Test("Unused for its time, watched all the while, a branch expires; seven days later it is deleted")
    func life() throws {
        var watcher = try Watcher("7d")
        watcher.look()
        #expect(watcher.row.lookedAt != nil)
        #expect(watcher.row.expiresAt == Date(timeIntervalSince1970: 1_800_000_000 + 604_800))
        #expect(watcher.wait(for: "expired") == 604_800)
        #expect(watcher.row.expiredSeconds == 0)
        #expect(watcher.wait(for: "deleted") == 604_800)
        #expect(abs(watcher.row.deletesAt.timeIntervalSince(watcher.date)) < 400)
    }

    @Test(
        "Use of any kind begins the time anew: an open session, one that came and went, one in postgres, a lost count",
        arguments: ["open", "short", "postgres", "reset"]
    )
    func used(how: String) throws {
        var watcher = try Watcher("1d")
        watcher.look()
        watcher.watch(86_340)
        #expect(watcher.end == nil)
        switch how {
        case "open": watcher.use.clients = 1
        case "short": watcher.use.sessions += 1
        case "postgres": watcher.use.sessionsOfPostgres += 1
        default: watcher.use.sessions = 0
        }
        watcher.pass(60)
        watcher.look()
        #expect(watcher.end == nil && watcher.row.unusedSeconds == 0)
        #expect(watcher.row.lastUsedAt == watcher.date)
        watcher.use.clients = 0
        #expect(watcher.wait(for: "expired") == 86_400)
    }

    @Test("Sessions while nobody watched are noticed at the first look")
    func usedMeanwhile() throws {
        var watcher = try Watcher("1d")
        watcher.look()
        watcher.watch(86_340)
        watcher.machine = ExpiryMachine()
        watcher.use.sessions += 1
        watcher.pass(7_200)
        watcher.look()
        #expect(watcher.row.unusedSeconds == 0 && watcher.row.lastUsedAt == watcher.date)
    }

    @Test("Frost's own sessions that are counted late are nobody's use")
    func ownSessions() throws {
        var watcher = try Watcher("1d")
        watcher.use.sessionsOfPostgres = -3
        watcher.look()
        watcher.use.sessionsOfPostgres = 0
        watcher.watch(3_600)
        for late in [-1, 0, -2, 0] {
            watcher.use.sessionsOfPostgres = late
            watcher.watch(60)
        }
        #expect(watcher.row.lastUsedAt < watcher.row.lookedAt ?? .distantPast)
        // Another start of the server begins its own count.
        watcher.use.startedAt = "b"
        watcher.use.sessionsOfPostgres = 40
        watcher.watch(120)
        #expect(watcher.wait(for: "expired") < 86_400)
    }

    @Test("Time in which the server could not be asked, or frost did not run, does not count")
    func gaps() throws {
        var watcher = try Watcher("2h")
        watcher.look()
        watcher.watch(5_400)
        for gap in ["unasked", "process", "sleep"] {
            switch gap {
            case "unasked": watcher.machine.looked()
            case "process": watcher.machine = ExpiryMachine()
            default: break
            }
            watcher.pass(36_000)
            watcher.look()
            #expect(watcher.end == nil, "\(gap)")
        }
        // What had not been kept when the process ended counts for nobody.
        let rest = watcher.wait(for: "expired")
        #expect((1_800...1_800 + 900).contains(rest), "\(rest)")
    }

    @Test("A host's clock that jumps expires nothing and deletes nothing", arguments: [-400, -1, 1, 30, 4_000])
    func clock(days: Int) throws {
        for isExpired in [false, true] {
            var watcher = try Watcher("30d")
            watcher.isExpired = isExpired
            watcher.look()
            watcher.watch(3_600)
            watcher.date += Double(days) * 86_400
            watcher.look()
            watcher.watch(3_600)
            watcher.date -= Double(days) * 86_400
            watcher.look()
            #expect(watcher.end == nil)
            #expect(watcher.wait(for: isExpired ? "deleted" : "expired") > 5 * 86_400)
        }
    }

    @Test("After days without a look a day is left, or all of a shorter time")
    func absence() throws {
        for (ttl, left) in [("7d", 86_400.0), ("1h", 3_600.0)] {
            var watcher = try Watcher(ttl)
            watcher.look()
            watcher.watch(watcher.row.ttlSeconds - 60)
            watcher.machine = ExpiryMachine()
            watcher.pass(30 * 86_400)
            watcher.look()
            #expect(watcher.wait(for: "expired") == left)
            watcher.watch(604_740)
            #expect(watcher.end == "expired")
            watcher.machine = ExpiryMachine()
            watcher.pass(30 * 86_400)
            watcher.look()
            #expect(watcher.wait(for: "deleted") == 86_400)
        }
    }

    @Test("One that is stopped by hand goes on towards its end; what somebody sets begins anew")
    func stopped() throws {
        var watcher = try Watcher("1d")
        watcher.look()
        watcher.watch(43_200)
        watcher.isStopped = true
        watcher.row.unusedSeconds = 0
        watcher.row.lastUsedAt = BranchExpiry.second(watcher.date)
        watcher.watch(60)
        #expect(watcher.wait(for: "expired") == 86_400)
    }

    @Test("Its time is said to pass while it is looked at, and not when that has stopped")
    func watched() throws {
        var watcher = try Watcher("7d")
        #expect(watcher.row.isWatched(at: watcher.date), "just set")
        watcher.look()
        for minute in 0..<30 {
            watcher.use.clients = minute < 15 ? 1 : 0
            watcher.watch(60)
            #expect(watcher.row.isWatched(at: watcher.date))
        }
        #expect(!watcher.row.isWatched(at: watcher.date + 1_800) && !watcher.row.isWatched(at: watcher.date - 86_400))
    }

    @Test("Few looks write: one in five minutes, and where use ends what was counted", arguments: [0, 1, 2])
    func writes(clients: Int) throws {
        var watcher = try Watcher("7d")
        var writes = 0
        for minute in 0..<120 {
            watcher.use.clients = clients < 2 ? clients : minute % 2
            let before = watcher.row
            watcher.pass(60)
            watcher.look()
            if watcher.row != before { writes += 1 }
        }
        #expect((20...(clients < 2 ? 26 : 41)).contains(writes), "\(writes)")
    }

    /// The rules again, without a machine: what may never happen, whatever the looks find.
    @Test(
        "Whatever happens, nothing expires that was used in its time, and nothing goes sooner than seven days watched"
    )
    func property() throws {
        var random = SplitMix64(seed: 17)
        var ends: [String] = []
        for round in 0..<30 {
            var watcher = try Watcher(["1h", "6h", "2d"][round % 3])
            // Watched without a break since the last use, at most: looks that followed each other.
            var unused = 0.0
            var expired = 0.0
            var isContinued = false
            for _ in 0..<15_000 where watcher.end != "deleted" {
                let wasExpired = watcher.isExpired
                let step = Double.random(in: 30...(random.next() % 2_000 == 0 ? 200_000 : 120), using: &random)
                watcher.now += .seconds(step)
                // The host's clock is anything.
                watcher.date += random.next() % 2_000 == 0 ? Double.random(in: -1e7...1e7, using: &random) : step
                switch random.next() % (wasExpired ? 60 : 300) {
                case 0:
                    watcher.machine.looked()
                    isContinued = false
                    continue
                case 1:
                    watcher.machine = ExpiryMachine()
                    isContinued = false
                case 2 where !wasExpired: watcher.use.sessions += 1
                case 3 where !wasExpired: watcher.use.clients = 1
                default: watcher.use.clients = 0
                }
                let sessions = watcher.row.sessions
                let isUsed =
                    !wasExpired
                    && (watcher.use.clients > 0 || (sessions != nil && sessions != watcher.use.sessions))
                let watched = isContinued && step <= 300 ? step : 0
                if isUsed { unused = 0 } else if !wasExpired { unused += watched }
                if wasExpired { expired += watched }
                watcher.look()
                isContinued = true
                if watcher.isExpired, !wasExpired {
                    #expect(unused >= Double(watcher.row.ttlSeconds))
                    expired = 0
                }
            }
            if watcher.end == "deleted" { #expect(expired >= 604_800) }
            ends.append(watcher.end ?? "kept")
        }
        #expect(ends.contains("deleted"), "\(ends)")
    }

    @Test(
        "A time to live is read as people and Frost write it",
        arguments: [
            ("7d", 604_800, "7 days"), ("1h", 3_600, "1 hour"), ("36h", 129_600, "36 hours"),
            ("365d", 31_536_000, "365 days"),
        ]
    )
    func ttl(text: String, seconds: Int, words: String) throws {
        let ttl = try BranchTTL(text)
        #expect(ttl.seconds == seconds && ttl.text == words && ttl.short == text)
        #expect(try BranchTTL(value: ttl.value, unit: ttl.unit) == ttl)
    }

    @Test(
        "What is none is refused",
        arguments: ["", "7", "d", "0d", "-1d", "+7d", "366d", "8761h", "7 d", "7m", "9999999999999999999d"]
    )
    func noTTL(text: String) {
        #expect(throws: BranchError.self) { try BranchTTL(text) }
    }
}
