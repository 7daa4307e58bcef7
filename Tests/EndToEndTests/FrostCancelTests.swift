import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// Copies that take their time: said how far they are, and cancelled.
@Suite struct FrostCancelTests {
    /// While a copy of `main` cannot go on: its server takes no connection.
    private static func whileHeld(_ host: FrostHost, _ body: () async throws -> Void) async throws {
        let postmaster = try host.postmaster(try await host.branch("main"))
        try await Command.check("kill", ["-STOP", postmaster])
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
        try await Command.check("kill", ["-CONT", postmaster])
        try outcome.get()
    }

    @Test("A create of a command is cancelled by another, and one of frost up through the API: nothing is left")
    func create() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let nothing = try await host.frost(["branch", "cancel", "main"])
            #expect(nothing.exitCode == 77 && nothing.errors.contains("no operation is running"), "\(nothing.errors)")
            try await Self.whileHeld(host) {
                async let created = host.frost(["branch", "create", "dev", "--json"])
                try await eventually("it copies") { try await host.branches().count == 2 }
                let cancel = try await host.frost(["branch", "cancel", "dev"])
                #expect(cancel.exitCode == 0, "\(cancel.errors)")
                #expect(cancel.output == "dev: create cancelled; nothing was left behind\n")
                let result = try await created
                #expect(result.exitCode == 130 && result.errors.contains(#""code":"cancelled""#), "\(result.errors)")
                #expect(try await host.branches().map(\.name) == ["main"])
            }
            try await host.withUp { _ in
                try await host.answers()
                let api = try await host.api()
                try await Self.whileHeld(host) {
                    let database = try #require(try await host.list("database", as: [FrostHost.NamedThing].self).first)
                    let accepted = try await api.send(.POST, "databases/\(database.id)/targets", #"{"name": "qa"}"#)
                    #expect(accepted.status == 202, "\(accepted)")
                    try await eventually("it copies") { try await host.branches().count == 2 }
                    // By a command, whoever runs it.
                    try await host.check("branch", "cancel", "qa")
                    #expect(try await host.branches().map(\.name) == ["main"])
                }
                try await host.check("branch", "create", "qa")
            }
        }
    }

    @Test("How far a copy is: a line that is written anew on a terminal, lines elsewhere")
    func progress() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let log = host.directory.file("terminal.log")
            let printed: @Sendable () -> String = { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
            try await Self.whileHeld(host) {
                try await Program.whileRunning(
                    "/usr/bin/script",
                    ["-qefc", "\(Checkout.program("frost")) branch create dev", log],
                    environment: host.environment.merging(["TERM": "xterm"]) { $1 },
                    port: nil,
                    log: host.directory.file("script.log")
                ) { _ in
                    try await eventually("the line changes") {
                        printed().contains("frost: copying main to dev · 1 s\u{1B}[K\r")
                            && printed().contains("frost: copying main to dev · 2 s\u{1B}[K\r")
                    }
                    try await host.check("branch", "cancel", "dev")
                    try await eventually("it says why it ended") {
                        printed().contains("cancelled; nothing was left behind")
                    }
                }
            }
            let created = try await host.frost(["branch", "create", "dev", "--json"])
            #expect(created.exitCode == 0 && !created.errors.contains("\u{1B}"), "\(created.errors)")
            let history = try await host.check("branch", "history", "dev", "--json")
            #expect(history.contains(#""doneBytes""#), "\(history)")
        }
    }
}
