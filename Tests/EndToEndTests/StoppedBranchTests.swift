import Foundation
import TestSupport
import Testing

/// What clients hear when their branch goes: PostgreSQL's own 57P01 and an orderly end of TLS, as without a gateway.
/// Pools know that as transient; "SSL error: unexpected eof" they do not know.
@Suite struct StoppedBranchTests {
    private static let words = "terminating connection due to administrator command"

    /// Runs a client, ends its branch once both its sessions are where they shall be, and looks at what it says.
    private func end(
        _ client: StoppedBranchClient,
        _ host: FrostHost,
        by action: [String],
        of name: String = "main"
    ) async throws {
        let gate = host.directory.file("gate")
        try await Command.check("mkfifo", [gate])
        let url = try await host.url(name)
        let branch = try await host.branch(name)
        async let printed = client.run(
            url: url,
            in: host.directory,
            gate: gate,
            certificate: host.certificate
        )
        try await eventually("one session sleeps, one is idle") {
            let query = """
                SELECT count(*) FROM pg_stat_activity
                WHERE wait_event = 'PgSleep' OR state = 'idle' AND query = 'SELECT 1'
                """
            return try await host.direct(branch, query) == "2"
        }
        let ended = try await host.frost(action)
        #expect(ended.exitCode == 0, "\(ended.errors)")
        if client == .psql {
            // Written once psql reads it.
            try await Command.check("sh", ["-c", "echo > \(gate)"])
        }
        let text = try await printed
        for session in ["sleeping", "idle"] {
            let lines = text.split(separator: "\n").filter { $0.hasPrefix("\(session): ") }
            #expect(
                lines.contains { $0.contains("57P01") && $0.contains(Self.words) },
                "\(client.rawValue), \(session): \(text)"
            )
        }
        for fault in ["unexpected eof", "eofexception", "econnreset", "connection reset", "ssl error", "no error"] {
            #expect(!text.lowercased().contains(fault), "\(client.rawValue): \(text)")
        }
    }

    @Test("Stopped: 57P01, with no word of a broken TLS", arguments: StoppedBranchClient.allCases)
    func stopped(client: StoppedBranchClient) async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { _ in
                try await host.answers()
                try await end(client, host, by: ["branch", "stop", "main", "--database", "shop"])
            }
        }
    }

    @Test("Deployed, reset and deleted: the same", arguments: ["deploy", "reset", "delete"])
    func others(action: String) async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.check("branch", "create", "qa", "--database", "shop")
            try await host.withUp { _ in
                try await host.answers()
                try await eventually("qa answers as well") {
                    try await host.psql("qa", "SELECT branch FROM mark").output == "main\n"
                }
                try await end(.psql, host, by: ["branch", action, "qa", "--database", "shop"], of: "qa")
            }
        }
    }
}
