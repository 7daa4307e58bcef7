import BranchManager
import Foundation
import TestSupport
import Testing

/// What is the local runtime's own.
@Suite struct LocalRuntimeTests {
    @Test(
        "Servers are no root's, listen on 127.0.0.1 only, take no password but theirs, and log to a file of their own"
    )
    func server() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let place = host.directory.file("branches/\(main.target.id)")
            let pid = try String(contentsOfFile: "\(place)/data/postmaster.pid", encoding: .utf8).split(
                separator: "\n"
            )[0]
            let owner = try FileManager.default.attributesOfItem(atPath: "/proc/\(pid)")[.ownerAccountID] as? Int
            #expect(owner != 0)
            #expect(try await host.query(main, "SHOW listen_addresses") == "127.0.0.1")
            #expect(try await host.query(main, "SHOW unix_socket_directories") == "")
            #expect(
                try await host.query(
                    main,
                    "SELECT passwd LIKE 'SCRAM-SHA-256$%' FROM pg_shadow WHERE usename = current_user"
                ) == "t"
            )
            var wrong = main
            wrong.database.password = "wrong"
            await #expect(throws: (any Error).self) { try await host.query(wrong, "SELECT 1") }
            #expect(try String(contentsOfFile: "\(place)/server.log", encoding: .utf8).contains("ready to accept"))
        }
    }

    @Test("Whatever was left half done is made good: calls may be repeated")
    func repeatable() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let dev = try await host.manager.createBranch("dev", from: main)
            let runtime = try LocalRuntime(
                directory: host.directory.file("branches"),
                installation: PostgresInstallation()
            )
            let (source, server) = (ServerSpec(main), ServerSpec(dev))
            _ = try await host.query(main, "CREATE TABLE mark AS SELECT 'new' AS branch")
            try await runtime.copy(from: source, to: server)
            try await runtime.copy(from: source, to: server)
            try await runtime.stop(server)
            try await runtime.stop(server)
            // As a crash between the two renames leaves it.
            let place = host.directory.file("branches/\(dev.target.id)")
            try await Command.check("mv", ["\(place)/data", "\(place)/old"])
            try await runtime.adoptCopy(server)
            try await runtime.adoptCopy(server)
            try await runtime.start(server)
            try await runtime.start(server)
            #expect(try await host.query(dev, "SELECT branch FROM mark") == "new")
            #expect(!FileManager.default.fileExists(atPath: "\(place)/old"))
            // A server that was killed, and whose lock file is left.
            let pid = try String(contentsOfFile: "\(place)/data/postmaster.pid", encoding: .utf8).split(
                separator: "\n"
            )[0]
            try await Command.check("kill", ["-KILL", String(pid)])
            while await runtime.isRunning(server) { await Task.yield() }
            try await runtime.start(server)
            #expect(try await host.query(dev, "SELECT branch FROM mark") == "new")
        }
    }
}
