import Foundation
import TestSupport
import Testing

/// `frost` killed at each step of each operation: after the next start, store, servers and route map agree.
@Suite struct FrostCrashTests {
    /// What an operation is told by, and the steps at which it can be cut off.
    struct Scenario: Sendable, CustomTestStringConvertible {
        var action: String
        var arguments: [String]
        var steps: [String]
        /// What dev may be afterwards; nil for one that is not there.
        var outcomes: [String: String?]

        var testDescription: String { action }
    }

    private static let scenarios = [
        Scenario(
            action: "create",
            arguments: ["branch", "create", "new", "--database", "shop"],
            steps: ["registered", "copying", "copied", "adopted", "started"],
            outcomes: ["registered": nil, "copying": nil, "copied": nil, "adopted": nil, "started": nil]
        ),
        Scenario(
            action: "stop",
            arguments: ["branch", "stop", "dev", "--database", "shop"],
            steps: ["registered", "unrouted", "stopped"],
            outcomes: ["registered": "stopped", "unrouted": "stopped", "stopped": "stopped"]
        ),
        Scenario(
            action: "start",
            arguments: ["branch", "start", "dev", "--database", "shop"],
            steps: ["registered", "started"],
            outcomes: ["registered": "active", "started": "active"]
        ),
        Scenario(
            action: "deploy",
            arguments: ["branch", "deploy", "dev", "--database", "shop"],
            steps: ["registered", "unrouted", "stopped", "started"],
            outcomes: ["registered": "active", "unrouted": "active", "stopped": "active", "started": "active"]
        ),
        Scenario(
            action: "reset",
            arguments: ["branch", "reset", "dev", "--database", "shop"],
            steps: ["registered", "copying", "copied", "unrouted", "stopped", "adopted", "started"],
            outcomes: [
                "registered": "active", "copying": "active", "copied": "active", "unrouted": "active",
                "stopped": "active",
                "adopted": "active", "started": "active",
            ]
        ),
        Scenario(
            action: "delete",
            arguments: ["branch", "delete", "dev", "--database", "shop"],
            steps: ["registered", "unrouted", "stopped", "removed"],
            outcomes: ["registered": nil, "unrouted": nil, "stopped": nil, "removed": nil]
        ),
    ]

    @Test("Killed at every step, and started again", arguments: scenarios)
    func killed(scenario: Scenario) async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            for step in scenario.steps {
                if try await !host.branches().contains(where: { $0.name == "dev" }) {
                    try await host.check("branch", "create", "dev", "--database", "shop")
                }
                let dev = try await host.branch("dev")
                if scenario.action == "start" {
                    try await host.check("branch", "stop", "dev", "--database", "shop")
                } else if dev.status != "active" {
                    try await host.check("branch", "start", "dev", "--database", "shop")
                }
                if scenario.action == "reset" { try await host.direct(dev, "UPDATE mark SET branch = 'dev'") }

                let killed = try await host.frost(
                    scenario.arguments,
                    environment: ["FROST_CRASH_AT": "\(scenario.action).\(step)"]
                )
                #expect(
                    killed.exitCode == nil,
                    "\(step): it was to be killed, but ended with \(killed.status): \(killed.errors)"
                )
                try await host.check("recover")

                let place = "\(scenario.action).\(step)"
                let name = scenario.action == "create" ? "new" : "dev"
                let after = try await host.branches().first { $0.name == name }
                #expect(after?.status == scenario.outcomes[step] ?? nil, "\(place)")
                if scenario.action == "reset" {
                    // Undone or finished: the old data or the new, and all of it.
                    let undone = ["registered", "copying", "copied"].contains(step)
                    #expect(
                        try await host.direct(dev, "SELECT branch FROM mark") == (undone ? "dev" : "main"),
                        "\(place)"
                    )
                }
                try await expectAgreement(host, place)
            }
        }
    }

    /// Store, servers, files and route map say the same.
    private func expectAgreement(_ host: FrostHost, _ place: String) async throws {
        struct RouteMap: Decodable {
            struct Entry: Decodable {
                struct Target: Decodable { var id: String }
                var hostname: String
                var hostPort: Int?
                var target: Target
            }
            var routes: [Entry]
            var stopped: [Entry]
        }
        let map = try JSONDecoder().decode(
            RouteMap.self,
            from: Data(contentsOf: URL(fileURLWithPath: host.directory.file("data/routes.json")))
        )
        let branches = try await host.branches()
        let active = branches.filter { $0.status == "active" }
        #expect(Set(map.routes.map(\.target.id)) == Set(active.map(\.id)), "\(place): routes")
        #expect(
            Set(map.stopped.map(\.target.id)) == Set(branches.filter { $0.status == "stopped" }.map(\.id)),
            "\(place): stopped"
        )
        #expect(branches.allSatisfy { ["active", "stopped"].contains($0.status) }, "\(place): nothing is half done")
        for branch in active {
            #expect(try await host.direct(branch, "SELECT 1") == "1", "\(place): \(branch.name) answers")
        }
        for branch in branches where branch.status == "stopped" {
            #expect(
                !FileManager.default.fileExists(
                    atPath: host.directory.file("data/branches/\(branch.id)/data/postmaster.pid")
                ),
                "\(place)"
            )
        }
        let places = try FileManager.default.contentsOfDirectory(atPath: host.directory.file("data/branches"))
        #expect(Set(places) == Set(branches.map(\.id)), "\(place): data")
        for id in places {
            let files = try FileManager.default.contentsOfDirectory(atPath: host.directory.file("data/branches/\(id)"))
            #expect(Set(files).isSubset(of: ["data", "server.log"]), "\(place): \(files)")
        }
    }
}
