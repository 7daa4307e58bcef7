import BranchManager
import BranchTestSupport
import Foundation
import Synchronization
import TestSupport
import Testing

/// Servers that replay their log for longer than a start waits.
@Suite struct RecoveringServerTests {
    /// A host whose branch `main` was killed and recovers for as long as a file is missing.
    private static func run(_ body: (RuntimeHost, BranchDetails, String) async throws -> Void) async throws {
        try await RuntimeHost.run(
            .local,
            // The old ceiling was two minutes; what is longer than this one is longer than any.
            local: {
                try await LocalRuntime(
                    directory: $0,
                    installations: PostgresInstallations.find(),
                    timeout: .seconds(1)
                )
            }
        ) { host in
            let made = try await host.makeDatabase()
            let main = try await host.manager.waitForRecovery(made) { _ in }
            _ = try await host.query(main, "CREATE TABLE mark AS SELECT 'kept' AS value")
            let data = host.directory.file("branches/\(main.target.id)/data")
            let release = host.directory.file("release")
            // PostgreSQL asks for a file of an archive, which takes its time.
            _ = try await host.query(
                main,
                "ALTER SYSTEM SET restore_command = 'while ! [ -e \(release) ]; do sleep 0.1; done; false'"
            )
            let pid = try String(contentsOfFile: "\(data)/postmaster.pid", encoding: .utf8).split(separator: "\n")[0]
            try await Command.check("kill", ["-KILL", String(pid)])
            while try await host.runtime.isRunning(ServerSpec(main)) { await Task.yield() }
            try await Command.check(
                "sh",
                ["-c", "touch \"$1\" && chown --reference=\"$2\" \"$1\"", "sh", "\(data)/recovery.signal", data]
            )
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body(host, main, release)) } catch { outcome = .failure(error) }
            try Data().write(to: URL(fileURLWithPath: release))
            try outcome.get()
        }
    }

    @Test("Is waited for in the state recovering, with PostgreSQL's own words, and is active once it answers")
    func recovers() async throws {
        try await Self.run { host, main, release in
            let pidFile = host.directory.file("branches/\(main.target.id)/data/postmaster.pid")
            let started = try await host.manager.start(main)
            #expect(started.target.lifecycleStatus == .recovering)
            #expect(started.target.reason?.hasPrefix("PostgreSQL says: ") == true, "\(started.target.reason ?? "")")
            #expect(started.target.lifecycleStatus.routing == .stopped)
            let operation = try #require(try host.manager.store.operations(of: main.target.id).first)
            #expect(operation.status == .succeeded)
            #expect(operation.message == started.target.reason)
            let pid = try String(contentsOfFile: pidFile, encoding: .utf8).split(separator: "\n")[0]

            // Neither asking again nor looking after it takes it down.
            #expect(try await host.manager.start(main).target.lifecycleStatus == .recovering)
            #expect(try await host.manager.recover(checkingServers: true).isEmpty)
            let copying = await #expect(throws: BranchError.self) {
                try await host.manager.createBranch("dev", from: main)
            }
            #expect(copying != nil)
            #expect(try String(contentsOfFile: pidFile, encoding: .utf8).split(separator: "\n")[0] == pid)

            try Data().write(to: URL(fileURLWithPath: release))
            let after = try await host.manager.waitForRecovery(started) { _ in }
            #expect(after.target.lifecycleStatus == .active)
            #expect(after.target.reason == nil)
            #expect(try await host.query(after, "SELECT value FROM mark") == "kept")
            #expect(try String(contentsOfFile: pidFile, encoding: .utf8).split(separator: "\n")[0] == pid)
        }
    }

    @Test("Is stopped by hand while it recovers, and started again later")
    func stopped() async throws {
        try await Self.run { host, main, release in
            #expect(try await host.manager.start(main).target.lifecycleStatus == .recovering)
            let stopped = try await host.manager.stop(main)
            #expect(stopped.target.lifecycleStatus == .stopped)
            #expect(try await !host.runtime.isRunning(ServerSpec(main)))
            try Data().write(to: URL(fileURLWithPath: release))
            let after = try await host.manager.waitForRecovery(host.manager.start(main)) { _ in }
            #expect(after.target.lifecycleStatus == .active)
            #expect(try await host.query(after, "SELECT value FROM mark") == "kept")
        }
    }

    @Test("A server that is gone while it was recovering is started again; one that others work on is left to them")
    func gone() async throws {
        try await LifecycleHost.run { host in
            let dev = try host.dev()
            try await host.manager.stop(dev)
            host.runtime.state.withLock { $0.recovering["dev"] = "redo in progress" }
            #expect(try await host.manager.start(dev).target.lifecycleStatus == .recovering)
            #expect(try host.dev().target.reason == "redo in progress")
            host.runtime.state.withLock { $0.recovering["dev"] = "redo done" }
            #expect(try await host.manager.settleRecovering().isEmpty)
            #expect(try host.dev().target.reason == "redo done")
            host.runtime.state.withLock { state in
                _ = state.running.remove(dev.target.id)
                state.recovering = [:]
            }
            _ = host.takeEvents()
            #expect(try await host.manager.settleRecovering().count == 1)
            #expect(try host.dev().target.lifecycleStatus == .active)
            #expect(host.takeEvents().contains("start dev"))
            try host.expectTruth()
        }
    }
}
