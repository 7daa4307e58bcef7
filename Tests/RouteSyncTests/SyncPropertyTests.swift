import Foundation
import RouteMap
import TestSupport
import Testing

@testable import RouteSync

/// Whatever Frost does in whatever order, no hostname leads to a branch that is not its own.
@Suite struct SyncPropertyTests {
    /// A host that runs Frost: its database, and whose container has which port.
    private struct Host {
        struct Row {
            var id: String
            var database: Int
            var name: String
            var isActive: Bool
            var wakes: Bool
            var port: UInt16
        }

        private static let names = ["main", "dev", "Dev!", "main-users", "日本", "übung"]
        private static let databases = ["orders", "users", "orders"]
        private static let ports: ClosedRange<UInt16> = 10_000...10_003

        /// The oldest first.
        var rows: [Row] = []
        var containers: [UInt16: String] = [:]
        var base: String? = "example.net"
        private var backup: (rows: [Row], base: String?) = ([], "example.net")
        private var created = 0

        mutating func act(_ random: inout SplitMix64) {
            let index = rows.indices.randomElement(using: &random)
            switch (Int.random(in: 0..<20, using: &random), index) {
            case (0..<6, _): create(&random)
            case (6..<8, let index?): stop(index)
            case (8..<11, let index?) where !rows[index].isActive && containers[rows[index].port] == nil:
                containers[rows[index].port] = rows[index].id
                rows[index].isActive = true
            case (11..<13, let index?):
                stop(index)
                rows.remove(at: index)
            // Removed by hand: Frost goes on saying that it is active, and gives the port to the next.
            case (13, let index?): removeContainer(of: rows[index])
            case (14, let index?): rows[index].wakes.toggle()
            case (15, let index?): rows[index].name = Self.names.randomElement(using: &random) ?? "main"
            case (16, _): base = [nil, "example.net", "example.org"].randomElement(using: &random) ?? nil
            // Of two that say they have one port, nobody knows afterwards which had it.
            case (17, _) where Set(rows.filter(\.isActive).map(\.port)).count == rows.count(where: \.isActive):
                backup = (rows, base)
            case (18, _): restore()
            // A write of its metrics.
            default: break
            }
        }

        private mutating func create(_ random: inout SplitMix64) {
            guard let port = Self.ports.first(where: { containers[$0] == nil }) else { return }
            created += 1
            let row = Row(
                id: "dbt_\(created)",
                database: Int.random(in: 0..<3, using: &random),
                name: Self.names.randomElement(using: &random) ?? "main",
                isActive: true,
                wakes: Int.random(in: 0..<5, using: &random) == 0,
                port: port
            )
            rows.append(row)
            containers[port] = row.id
        }

        private mutating func stop(_ index: Int) {
            removeContainer(of: rows[index])
            rows[index].isActive = false
        }

        private mutating func removeContainer(of row: Row) {
            if containers[row.port] == row.id { containers[row.port] = nil }
        }

        /// The whole host is as the backup says.
        private mutating func restore() {
            (rows, base) = backup
            containers = [:]
            for row in rows where row.isActive { containers[row.port] = row.id }
        }

        func contents() throws -> FrostContents {
            let branches = rows.map { row in
                let database = Self.databases[row.database]
                let project = row.database == 2 ? "Shop!" : "shop"
                return FrostContents.Branch(
                    target: Target(id: row.id, name: row.name, database: database, project: project),
                    request: .init(
                        targetID: row.id,
                        target: row.name,
                        database: database,
                        projectID: project,
                        project: project
                    ),
                    isActive: row.isActive,
                    wakes: row.wakes,
                    hostPort: row.port
                )
            }
            return FrostContents(
                base: try base.map { try Hostname($0) },
                branches: branches,
                problems: [],
                installation: FrostInstallation(migration: "018", projects: 2, branches: rows.count)
            )
        }
    }

    @Test(
        "At every look: the port is the branch's, the name is the branch's, and nothing is written that says nothing",
        arguments: 0..<24
    )
    func property(seed: Int) async throws {
        var random = SplitMix64(seed: UInt64(seed))
        var host = Host()
        var machine = SyncMachine(ledger: HostnameLedger(), inForce: nil, confirmedAt: nil)
        var now = Date(timeIntervalSince1970: 1_800_000_000)
        var owners: [Hostname: (id: String, place: HostnameBuilder.Place)] = [:]
        for step in 0..<120 {
            await Task.yield()  // computing for long: others wait for the same few threads
            host.act(&random)
            // Sync is started anew: names are in their file, and the map says whose ports were. Without a wildcard domain
            // it says nothing.
            switch Int.random(in: 0..<40, using: &random) {
            case 0 where host.base != nil && machine.inForce?.routes.isEmpty == false:
                machine = SyncMachine(
                    ledger: machine.ledger,
                    inForce: machine.inForce,
                    confirmedAt: machine.confirmedAt
                )
            case 1: machine.lost()
            default: break
            }
            now += 0.3
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                // It cannot be read, for a moment or for long: nothing is written, and nothing is confirmed.
                #expect(machine.looked(.fault, at: now) == nil)
                now += Double.random(in: 0..<600, using: &random)
            // What is done meanwhile counts from the next look on; it comes below.
            case 1:
                // A moment of a migration, for one look.
                var empty = try host.contents()
                empty.branches = []
                let count = machine.inForce?.routes.count ?? 0
                let wasPending = machine.isPending
                if let write = machine.looked(.contents(empty), at: now) {
                    machine.wrote(write)
                    #expect(wasPending || write.lists.routes.count == count, "step \(step)")
                }
                now += 0.3
            default: break
            }
            let contents = try host.contents()
            for look in 1...2 {
                let inForce = machine.inForce
                let isConfirmed = machine.confirmedAt.map { now.timeIntervalSince($0) < 60 } ?? false
                if let write = machine.looked(.contents(contents), at: now) {
                    if write.isChange { #expect(write.lists != inForce) }
                    machine.wrote(write)
                } else if look == 2 {
                    // Whatever there was to do was done.
                    #expect(isConfirmed)
                }
                try check(machine, host, at: now, &owners, "seed \(seed), step \(step), look \(look)")
                now += 0.3
            }
            #expect(machine.looked(.contents(contents), at: now)?.isChange != true, "seed \(seed), step \(step)")
        }
    }

    private func check(
        _ machine: SyncMachine,
        _ host: Host,
        at now: Date,
        _ owners: inout [Hostname: (id: String, place: HostnameBuilder.Place)],
        _ when: String
    ) throws {
        guard let lists = machine.inForce, let confirmedAt = machine.confirmedAt,
            now.timeIntervalSince(confirmedAt) < Double(SyncMachine.validity)
        else { return }
        // Every hostname once, every address once.
        _ = try RouteTable(routes: lists.routes, stopped: lists.stopped)
        #expect(Set(lists.routes.map(\.hostPort)).count == lists.routes.count, "\(when)")
        for route in lists.routes {
            if let container = host.containers[route.hostPort] { #expect(container == route.target.id, "\(when)") }
        }
        // Nobody's name is another's, but that of a branch that is gone or called otherwise, which its namesake has.
        let named = lists.routes.map { ($0.hostname, $0.target.id) } + lists.stopped.map { ($0.hostname, $0.target.id) }
        for (hostname, id) in named {
            guard let entry = machine.ledger.entries[hostname], entry.targetID == id else {
                Issue.record("\(hostname) is not remembered as \(id)'s: \(when)")
                continue
            }
            if let owner = owners[hostname], owner.id != id {
                #expect(owner.place == entry.place, "\(hostname): \(when)")
            }
            owners[hostname] = (id, entry.place)
        }
    }
}
