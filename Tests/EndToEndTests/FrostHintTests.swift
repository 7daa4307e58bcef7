import Foundation
import TestSupport
import Testing

/// Commands in what frost prints.
@Suite struct FrostHintTests {
    @Test("Commands that are advised work as pasted, with the directory that was given")
    func hints() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let place = host.directory.file("data")
            let bare = host.environment.filter { $0.key != "FROST_DATA_DIR" }
            func run(_ arguments: [String]) async throws -> Command.Result {
                try await Command.run(
                    Checkout.program("frost"),
                    arguments + ["--data-dir", place],
                    environment: bare.merging(["FROST_DATA_DIR": ""]) { $1 }
                )
            }
            // No gateway runs: psql goes past it.
            try await host.check("settings", "--gateway-enabled", "false")
            try await host.check("branch", "create", "it-s")
            try await host.check("branch", "stop", "it-s")
            var advised: [String] = []
            for arguments in [
                ["psql", "it-s"], ["branch", "url", "it-s", "--via", "internal"], ["branch", "create", "more"],
                ["status"],
            ] {
                let result = try await run(arguments)
                for line in "\(result.output)\n\(result.errors)".split(separator: "\n") {
                    guard let start = line.range(of: "frost ", options: .backwards)?.lowerBound else { continue }
                    let command = String(line[start...])
                    if command.contains("--data-dir") { advised.append(command) }
                }
            }
            #expect(advised.count >= 3, "\(advised)")
            for command in advised where !command.hasPrefix("frost up") {
                let pasted = try await Command.run(
                    "sh",
                    [
                        "-c",
                        command.replacing(/^frost/, with: Checkout.program("frost"), maxReplacements: 1)
                            + " </dev/null",
                    ],
                    environment: bare.merging(["FROST_DATA_DIR": ""]) { $1 }
                )
                #expect(pasted.exitCode == 0, "\(command): \(pasted.errors)")
            }
        }
    }

    @Test("Commands in messages of the libraries repeat the directory that was given, and are the hint of JSON errors")
    func libraries() async throws {
        try await FrostHost.run { host in
            try await host.check("project", "create", "shop")
            let place = host.directory.file("data")
            let bare = host.environment.merging(["FROST_DATA_DIR": ""]) { $1 }
            @Sendable func expect(_ command: String, _ arguments: [String], in directory: String) async throws {
                let given = "frost \(command) --data-dir \(directory)"
                let text = try await Command.run(
                    Checkout.program("frost"),
                    arguments + ["--data-dir", directory],
                    environment: bare
                )
                #expect(text.exitCode != 0 && text.errors.contains(given), "\(arguments): \(text.errors)")
                let json = try await Command.run(
                    Checkout.program("frost"),
                    arguments + ["--data-dir", directory, "--json"],
                    environment: bare
                )
                struct Document: Decodable {
                    struct Fault: Decodable { var hint: String? }
                    var error: Fault
                }
                let line = try #require(json.errors.split(separator: "\n").last)
                let fault = try JSONDecoder().decode(Document.self, from: Data(line.utf8)).error
                #expect(fault.hint?.hasPrefix("Run: ") == true, "\(arguments): \(json.errors)")
            }
            try await expect("up", ["branch", "list"], in: "/nowhere")
            try await expect("database create NAME --project PROJECT", ["branch", "start", "main"], in: place)
            try await host.check("settings", "--wildcard-base", "localhost")
            try await host.makeDatabase()
            // An image that is not there.
            let boxed = ["database", "create", "boxed", "--project", "shop", "--runtime", "docker"]
            try await expect("settings --postgres-image IMAGE", boxed, in: place)
            // A password that somebody has changed.
            let main = try await host.branch("main")
            try await host.direct(main, "ALTER ROLE frost PASSWORD 'other'")
            let url = try await Command.run(
                Checkout.program("frost"),
                ["branch", "url", "main", "--via", "direct", "--data-dir", place],
                environment: bare
            )
            #expect(url.errors.contains("--rotate --data-dir \(place)"), "\(url.errors)")
            // What a crash has left.
            try await host.write("UPDATE target SET lifecycleStatus = 'deploying'")
            try await expect("recover", ["branch", "stop", "main"], in: place)
            try await host.write("UPDATE target SET lifecycleStatus = 'active'")
        }
    }
}
