import Foundation
import RouteMap
import Testing

@testable import RouteSync

/// What `frost sync` decides, look by look.
@Suite struct SyncMachineTests {
    private let start = Date(timeIntervalSince1970: 1_800_000_000)

    private func machine() -> SyncMachine {
        SyncMachine(ledger: HostnameLedger(), inForce: nil, confirmedAt: nil)
    }

    private func branch(_ id: String, port: UInt16?, active: Bool = true, wakes: Bool = false) -> FrostContents.Branch {
        FrostContents.Branch(
            target: Target(id: id, name: id, database: "orders", project: "shop"),
            request: .init(targetID: id, target: id, database: "orders", projectID: "proj_1", project: "shop"),
            isActive: active,
            wakes: wakes,
            hostPort: port
        )
    }

    private func contents(_ branches: [FrostContents.Branch], base: String? = "example.net") throws -> FrostContents {
        FrostContents(
            base: try base.map { try Hostname($0) },
            branches: branches,
            problems: [],
            installation: FrostInstallation(migration: "018", projects: 1, branches: branches.count)
        )
    }

    /// Looks, and writes what is to be written.
    private func look(_ machine: inout SyncMachine, _ contents: FrostContents, at seconds: Double) -> String? {
        guard let write = machine.looked(.contents(contents), at: start + seconds) else { return nil }
        machine.wrote(write)
        let routes = write.lists.routes.map { "\($0.target.id):\($0.hostPort)" }
        let text = (routes + write.lists.stopped.map { "(\($0.target.id))" }).joined(separator: " ")
        return write.isChange ? text : "confirmed"
    }

    @Test("What adds counts at once, what takes away when two looks agree, and a port goes in the same write")
    func agreement() throws {
        var machine = machine()
        let (a, b) = (branch("a", port: 1), branch("b", port: 2))
        let (aStopped, c) = (branch("a", port: 1, active: false), branch("c", port: 1))
        #expect(look(&machine, try contents([a]), at: 0) == "a:1")
        #expect(look(&machine, try contents([a, b]), at: 1) == "a:1 b:2")
        // Stopped, and started again before the next look: nothing has happened.
        #expect(look(&machine, try contents([aStopped, b]), at: 2) == nil)
        #expect(machine.isPending)
        #expect(look(&machine, try contents([a, b]), at: 3) == nil)
        #expect(look(&machine, try contents([aStopped, b]), at: 4) == nil)
        #expect(look(&machine, try contents([aStopped, b]), at: 5) == "b:2 (a)")
        #expect(look(&machine, try contents([aStopped, b]), at: 6) == nil)
        #expect(!machine.isPending)
        #expect(look(&machine, try contents([a, b]), at: 7) == "a:1 b:2")
        // Its port goes on: at once, while b, which is gone too, waits for the next look.
        #expect(look(&machine, try contents([aStopped, c]), at: 8) == "b:2 c:1 (a)")
        #expect(look(&machine, try contents([aStopped, c]), at: 9) == "c:1 (a)")
        // Ports are exchanged: at once.
        let d = branch("d", port: 2)
        #expect(look(&machine, try contents([c, d]), at: 10) == "c:1 d:2 (a)")
        #expect(look(&machine, try contents([c, d]), at: 11) == "c:1 d:2")
        let swapped = try contents([branch("c", port: 2), branch("d", port: 1)])
        #expect(look(&machine, swapped, at: 12) == "c:2 d:1")
        // All gone: a moment of a migration, or the end.
        #expect(look(&machine, try contents([]), at: 13) == nil)
        #expect(look(&machine, swapped, at: 14) == nil)
        #expect(look(&machine, try contents([]), at: 15) == nil)
        #expect(look(&machine, try contents([]), at: 16) == "")
    }

    @Test("Without a wildcard domain both lists are empty after two looks, and names come back with it")
    func wildcard() throws {
        var machine = machine()
        let branches = [branch("a", port: 1), branch("b", port: 2, active: false)]
        #expect(look(&machine, try contents(branches), at: 0) == "a:1 (b)")
        #expect(look(&machine, try contents(branches, base: nil), at: 1) == nil)
        #expect(look(&machine, try contents(branches, base: nil), at: 2) == "")
        #expect(look(&machine, try contents(branches), at: 3) == "a:1 (b)")
        // Another domain: old names go with the write that brings the new ones.
        #expect(look(&machine, try contents(branches, base: "example.org"), at: 4) == "a:1 (b)")
        let hostnames = machine.inForce?.hostnames.map(\.name).sorted()
        #expect(hostnames == ["a.pg.shop.example.org", "b.pg.shop.example.org"])
    }

    @Test("It confirms each minute while it is sure; after a fault of over five minutes it revives nothing")
    func confirmation() throws {
        var machine = machine()
        let a = try contents([branch("a", port: 1)])
        #expect(look(&machine, a, at: 0) == "a:1")
        var confirmed: [Double] = []
        for seconds in stride(from: 0.3, to: 300, by: 0.3) where look(&machine, a, at: seconds) != nil {
            confirmed.append(seconds)
        }
        #expect(confirmed.count == 4, "at least four times in the span, the first write included: five")
        let last = confirmed.last ?? 0
        #expect(machine.looked(.fault, at: start + last + 70) == nil)
        #expect(machine.confirmedAt == start + last)
        // Over in time: confirmed at once.
        #expect(look(&machine, a, at: last + 200) == "confirmed")
        // Not in time: a is gone meanwhile, and its route is not put in force again for one more look.
        let b = try contents([branch("b", port: 2)])
        let late = last + 200 + 301
        #expect(look(&machine, b, at: late) == nil)
        #expect(look(&machine, b, at: late + 0.3) == "b:2")
        // A clock that was set back.
        #expect(look(&machine, b, at: -1_000) == "confirmed")
    }

    @Test("A map that was lost is written again, and one from before is kept where it says the same")
    func lost() throws {
        var machine = machine()
        let a = try contents([branch("a", port: 1)])
        #expect(look(&machine, a, at: 0) == "a:1")
        machine.lost()
        #expect(look(&machine, a, at: 1) == "confirmed")
        #expect(look(&machine, a, at: 2) == nil)
        var next = SyncMachine(ledger: machine.ledger, inForce: machine.inForce, confirmedAt: machine.confirmedAt)
        #expect(look(&next, a, at: 3) == nil)
    }

    @Test("A port is that of the branch that became active with it last, also while that sleeps")
    func ports() throws {
        var machine = machine()
        let (alice, bob) = (branch("alice", port: 1), branch("bob", port: 1))
        #expect(look(&machine, try contents([alice]), at: 0) == "alice:1")
        #expect(look(&machine, try contents([alice, bob]), at: 1) == "bob:1 (alice)")
        #expect(machine.problems.count == 1)
        #expect(machine.problems.first?.contains("orders/alice and orders/bob") == true)
        // The same for a sync that starts now, with the map and without it.
        for inForce in [machine.inForce, nil] {
            var other = SyncMachine(ledger: machine.ledger, inForce: inForce, confirmedAt: start)
            _ = look(&other, try contents([alice, bob]), at: 2)
            #expect(other.inForce?.routes.map(\.target.id) == ["bob"])
        }
        // Alice is stopped and started: the port is hers again, though bob is newer. So it is for who starts now.
        let aliceStopped = branch("alice", port: 1, active: false)
        #expect(look(&machine, try contents([aliceStopped, bob]), at: 3) == nil)
        #expect(look(&machine, try contents([alice, bob]), at: 4) == "alice:1 (bob)")
        var next = SyncMachine(ledger: machine.ledger, inForce: machine.inForce, confirmedAt: start)
        #expect(look(&next, try contents([alice, bob]), at: 5) == nil)
        // A sleeper.
        let sleeper = branch("sleeper", port: 1, active: false, wakes: true)
        #expect(look(&machine, try contents([alice, bob, sleeper]), at: 6) == "alice:1 (bob) (sleeper)")
        #expect(look(&machine, try contents([aliceStopped, sleeper]), at: 7) == "sleeper:1 (alice) (bob)")
        #expect(look(&machine, try contents([aliceStopped, sleeper]), at: 8) == "sleeper:1 (alice)")
        // It wakes and takes the port from one whose container is gone; asleep again, it keeps it.
        let (woken, dave) = (branch("sleeper", port: 1, wakes: true), branch("dave", port: 1))
        #expect(look(&machine, try contents([sleeper, dave]), at: 9) == "dave:1 (alice) (sleeper)")
        #expect(look(&machine, try contents([sleeper, dave]), at: 10) == "dave:1 (sleeper)")
        #expect(look(&machine, try contents([woken, dave]), at: 11) == "sleeper:1 (dave)")
        #expect(look(&machine, try contents([sleeper, dave]), at: 12) == nil)
        var last = SyncMachine(ledger: machine.ledger, inForce: machine.inForce, confirmedAt: start)
        #expect(look(&last, try contents([sleeper, dave]), at: 13) == nil)
    }
}
