import TestSupport
import Testing

/// Branches that nobody uses, on a host that runs.
@Suite struct FrostExpiryTests {
    @Test("While `frost up` runs, a branch whose time is over is stopped as expired unless somebody uses it")
    func expires() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            for name in ["idle", "used"] {
                try await host.check("branch", "create", name, "--database", "shop", "--ttl", "1h")
            }
            // As if it had been watched for so long.
            try await Command.check(
                "python3",
                [
                    "-c",
                    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
                        + "c.execute('UPDATE branchExpiry SET unusedSeconds = 3600'); c.commit()",
                    host.directory.file("data/frost.db"),
                ]
            )
            try await host.withUp { _ in
                try await host.answers()
                let used = try await host.branch("used")
                let url = try await host.url("used")
                async let session = Command.run("psql", ["-XqAt", "-c", "SELECT pg_sleep(100000)", url])
                let sessions = "FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
                try await eventually("somebody is there") {
                    try await host.direct(used, "SELECT count(*) \(sessions)") == "1"
                }
                try await eventually("nobody has used the other", within: .seconds(300)) {
                    try await host.branch("idle").status == "expired"
                }
                #expect(try await host.branch("used").status == "active")
                try await eventually("it is told as one that is stopped") {
                    try host.refusal(of: "idle.pg.shop.localhost") == "57P03"
                }
                #expect(host.log().contains("idle has expired: not used for 1 hour"), "\(host.log())")
                let status = try await host.frost(["status"]).output
                #expect(status.contains("expired, will be deleted unless started: idle"), "\(status)")
                #expect(try await host.check("branch", "ttl", "idle").contains("has expired; will be deleted"))
                let history = try await host.check("branch", "history", "idle")
                #expect(history.contains(/expire +frost +succeeded/), "\(history)")

                try await host.check("branch", "start", "idle")
                try await eventually("it answers again") {
                    try await host.psql("idle", "SELECT branch FROM mark").output == "main\n"
                }
                #expect(try await host.check("branch", "ttl", "idle", "none").contains("never expires"))
                try await host.direct(used, "SELECT count(pg_terminate_backend(pid)) \(sessions)")
                #expect(try await !session.isSuccess)
            }
        }
    }
}
