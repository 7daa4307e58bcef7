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
            steps: ["registered", "copying", "copied", "adopted", "started", "finished"],
            outcomes: [
                "registered": nil, "copying": nil, "copied": nil, "adopted": nil, "started": nil, "finished": "active",
            ]
        ),
        Scenario(
            action: "stop",
            arguments: ["branch", "stop", "dev", "--database", "shop"],
            steps: ["registered", "unrouted", "stopped", "finished"],
            outcomes: ["registered": "stopped", "unrouted": "stopped", "stopped": "stopped", "finished": "stopped"]
        ),
        Scenario(
            action: "start",
            arguments: ["branch", "start", "dev", "--database", "shop"],
            steps: ["registered", "started", "finished"],
            outcomes: ["registered": "active", "started": "active", "finished": "active"]
        ),
        Scenario(
            action: "deploy",
            arguments: ["branch", "deploy", "dev", "--database", "shop"],
            steps: ["registered", "unrouted", "stopped", "started", "finished"],
            outcomes: [
                "registered": "active", "unrouted": "active", "stopped": "active", "started": "active",
                "finished": "active",
            ]
        ),
        Scenario(
            action: "reset",
            arguments: ["branch", "reset", "dev", "--database", "shop"],
            steps: ["registered", "copying", "copied", "unrouted", "stopped", "adopted", "started", "finished"],
            outcomes: [
                "registered": "active", "finished": "active", "copying": "active", "copied": "active",
                "unrouted": "active",
                "stopped": "active",
                "adopted": "active", "started": "active",
            ]
        ),
        Scenario(
            action: "delete",
            arguments: ["branch", "delete", "dev", "--database", "shop"],
            steps: ["registered", "unrouted", "stopped", "removed", "finished"],
            outcomes: ["registered": nil, "unrouted": nil, "stopped": nil, "removed": nil, "finished": nil]
        ),
        Scenario(
            action: "rename",
            arguments: ["branch", "rename", "dev", "new", "--database", "shop"],
            steps: ["finished"],
            outcomes: ["finished": "active"]
        ),
        // The old hostname leads there from the same moment on.
        Scenario(
            action: "rename",
            arguments: ["branch", "rename", "dev", "new", "--database", "shop", "--keep-hostname", "7d"],
            steps: ["finished"],
            outcomes: ["finished": "active"]
        ),
    ]

    @Test("Killed at every step, and started again", arguments: scenarios, FrostHost.Runtime.allCases)
    func killed(scenario: Scenario, runtime: FrostHost.Runtime) async throws {
        try await FrostHost.run(runtime) { host in
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
                    environment: ["FROST_CRASH_AT": "\(scenario.action).\(step)"],
                    // To end itself at a step is nothing that a release can do.
                    program: Checkout.debugProgram("frost")
                )
                #expect(
                    killed.exitCode == nil,
                    "\(step): it was to be killed, but ended with \(killed.status): \(killed.errors)"
                )
                try await host.check("recover")

                let place = "\(scenario.action).\(step)"
                let name = ["create", "rename"].contains(scenario.action) ? "new" : "dev"
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
                if scenario.action == "create", after != nil {
                    try await host.check("branch", "delete", "new", "--database", "shop")
                }
            }
        }
    }

    @Test("A database that is being deleted: what is killed at any step of it is finished")
    func deleteDatabase() async throws {
        try await FrostHost.run { host in
            for step in ["registered", "unrouted", "stopped", "removed", "finished"] {
                if step == "registered" { try await host.makeShop() } else { try await host.makeDatabase() }
                try await host.check("branch", "create", "dev", "--database", "shop")
                let killed = try await host.frost(
                    ["database", "delete", "shop"],
                    environment: ["FROST_CRASH_AT": "delete.\(step)"],
                    program: Checkout.debugProgram("frost")
                )
                #expect(killed.exitCode == nil, "\(step): \(killed.errors)")
                try await host.check("recover")
                #expect(try await host.branches().isEmpty, "\(step)")
                #expect(try await host.list("database", as: [FrostHost.NamedThing].self).isEmpty, "\(step)")
                try await expectAgreement(host, step)
            }
        }
    }

    /// Not at a step but within one: while a copy is made, a server starts, a file is written.
    @Test("Killed at any moment, and started again")
    func killedAtAnyMoment() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.direct(host.branch("main"), "CREATE TABLE big AS SELECT generate_series(1, 300000)")
            var cutOff = 0
            for round in 0..<12 {
                if try await !host.branches().contains(where: { $0.name == "dev" }) {
                    try await host.check("branch", "create", "dev", "--database", "shop")
                }
                let commands = [
                    ["branch", "create", "new", "--database", "shop"],
                    ["branch", "reset", "dev", "--database", "shop"],
                    ["branch", "delete", "dev", "--database", "shop"],
                ]
                // 0.15 to 1.25 s: it is the kill that is tried, not a time.
                let after = 0.15 + 0.1 * Double(round)
                let result = try await Command.run(
                    "timeout",
                    ["-s", "KILL", String(after), Checkout.program("frost")] + commands[round % 3],
                    environment: host.environment
                )
                if result.exitCode == nil || result.exitCode == 137 { cutOff += 1 }
                try await host.check("recover")
                if try await host.branches().contains(where: { $0.name == "new" }) {
                    try await host.check("branch", "delete", "new", "--database", "shop")
                }
                try await expectAgreement(host, "\(commands[round % 3]) after \(after) s")
            }
            #expect(cutOff > 3, "\(cutOff) of 12 were cut off; the rest was faster")
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
        // By each of its names, and by no other.
        #expect(
            Set((map.routes + map.stopped).map(\.hostname))
                == Set(branches.flatMap { [$0.hostname].compactMap { $0 } + $0.aliases.map(\.hostname) }),
            "\(place): hostnames"
        )
        #expect(
            Set(map.stopped.map(\.target.id)) == Set(branches.filter { $0.status == "stopped" }.map(\.id)),
            "\(place): stopped"
        )
        #expect(branches.allSatisfy { ["active", "stopped"].contains($0.status) }, "\(place): nothing is half done")
        for branch in active {
            #expect(try await host.direct(branch, "SELECT 1") == "1", "\(place): \(branch.name) answers")
        }
        for branch in branches where branch.status == "stopped" {
            let isRunning =
                switch host.runtime {
                case .local:
                    FileManager.default.fileExists(atPath: "\(host.place)/\(branch.id)/data/postmaster.pid")
                case .docker:
                    try await Command.run("docker", ["inspect", "frost-db-\(branch.id)"]).isSuccess
                }
            #expect(!isRunning, "\(place)")
        }
        if host.runtime == .docker {
            let helpers = try await Command.check("docker", ["ps", "-a", "--format", "{{.Names}}"])
            #expect(!branches.contains { helpers.contains("frost-help-\($0.id)") }, "\(place): a helper is left")
        }
        let places = try FileManager.default.contentsOfDirectory(atPath: host.place)
        #expect(Set(places) == Set(branches.map(\.id)), "\(place): data")
        for id in places {
            let files = try FileManager.default.contentsOfDirectory(atPath: "\(host.place)/\(id)")
            #expect(Set(files).isSubset(of: ["data", "server.log", "server.pid"]), "\(place): \(files)")
        }
    }
}
