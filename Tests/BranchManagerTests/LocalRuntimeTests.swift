import BranchManager
import Foundation
import RouteMap
import TestSupport
import Testing

/// What every runtime has to do, on real PostgreSQL servers.
@Suite struct LocalRuntimeTests {
    private struct NoRoutes: RouteListener {
        func routesChanged() async {}
    }

    private func withManager(_ body: (BranchManager, TemporaryDirectory) async throws -> Void) async throws {
        let directory = try TemporaryDirectory("local")
        defer { directory.remove() }
        let manager = try BranchManager(
            store: BranchStore.open(in: directory.path),
            runtimes: [
                .local: LocalRuntime(directory: directory.file("branches"), installation: PostgresInstallation())
            ],
            routes: NoRoutes(),
            directory: directory.path,
            hostPorts: HostPorts.next()
        )
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(manager, directory)) } catch { outcome = .failure(error) }
        for database in try manager.store.databases() { try await manager.deleteDatabase(database) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.file("branches")).isEmpty)
        try outcome.get()
    }

    /// Past any gateway, on the direct host port.
    private func query(_ branch: BranchDetails, _ command: String) async throws -> String {
        try await Command.check(
            "psql",
            [
                "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", command,
                "host=127.0.0.1 port=\(branch.target.hostPort) user=\(branch.database.username) "
                    + "dbname=\(branch.database.databaseName) connect_timeout=20",
            ],
            environment: ["PGPASSWORD": branch.database.password]
        ).trimmingCharacters(in: .newlines)
    }

    @Test("A life: made, copied in use and stopped, stopped, started, reset, deployed, deleted; data where it belongs")
    func life() async throws {
        try await withManager { manager, _ in
            let main = try await manager.createDatabase("shop", in: manager.createProject("shop"))
            _ = try await query(main, "CREATE TABLE mark AS SELECT 'main' AS branch")
            // Copied while it is written to.
            async let writing = query(main, "INSERT INTO mark SELECT 'main' FROM generate_series(1, 200000)")
            let dev = try await manager.createBranch("dev", from: main)
            _ = try await writing
            #expect(try await query(dev, "SELECT DISTINCT branch FROM mark") == "main")
            #expect(dev.target.hostPort != main.target.hostPort)
            _ = try await query(dev, "UPDATE mark SET branch = 'dev'")
            #expect(try await query(main, "SELECT DISTINCT branch FROM mark") == "main", "isolated both ways")

            // Of a branch that is stopped.
            try await manager.stop(dev)
            await #expect(throws: (any Error).self) { try await query(dev, "SELECT 1") }
            let copy = try await manager.createBranch("copy", from: dev)
            #expect(try await query(copy, "SELECT DISTINCT branch FROM mark") == "dev")

            try await manager.start(dev)
            #expect(try await query(dev, "SELECT DISTINCT branch FROM mark") == "dev")
            try await manager.deploy(dev)
            let reset = try await manager.reset(dev)
            #expect(reset.target.hostPort == dev.target.hostPort)
            #expect(try await query(reset, "SELECT DISTINCT branch FROM mark") == "main")
            try await manager.reset(dev, to: copy)
            #expect(try await query(reset, "SELECT DISTINCT branch FROM mark") == "dev")
            try await manager.delete(copy)
            #expect(
                try await query(reset, "SELECT DISTINCT branch FROM mark") == "dev",
                "a copy does not need its source"
            )
        }
    }

    @Test(
        "Servers are no root's, listen on 127.0.0.1 only, take no password but theirs, and log to a file of their own"
    )
    func server() async throws {
        try await withManager { manager, directory in
            let main = try await manager.createDatabase("shop", in: manager.createProject("shop"))
            let place = directory.file("branches/\(main.target.id)")
            let pid = try String(contentsOfFile: "\(place)/data/postmaster.pid", encoding: .utf8).split(
                separator: "\n"
            )[0]
            let owner = try FileManager.default.attributesOfItem(atPath: "/proc/\(pid)")[.ownerAccountID] as? Int
            #expect(owner != 0)
            #expect(try await query(main, "SHOW listen_addresses") == "127.0.0.1")
            #expect(try await query(main, "SHOW unix_socket_directories") == "")
            #expect(
                try await query(
                    main,
                    "SELECT passwd LIKE 'SCRAM-SHA-256$%' FROM pg_shadow WHERE usename = current_user"
                ) == "t"
            )
            var wrong = main
            wrong.database.password = "wrong"
            await #expect(throws: (any Error).self) { try await query(wrong, "SELECT 1") }
            #expect(try String(contentsOfFile: "\(place)/server.log", encoding: .utf8).contains("ready to accept"))
        }
    }

    @Test("Whatever was left half done is made good: calls may be repeated")
    func repeatable() async throws {
        try await withManager { manager, directory in
            let main = try await manager.createDatabase("shop", in: manager.createProject("shop"))
            let dev = try await manager.createBranch("dev", from: main)
            let runtime = try LocalRuntime(directory: directory.file("branches"), installation: PostgresInstallation())
            let (source, server) = (ServerSpec(main), ServerSpec(dev))
            _ = try await query(main, "CREATE TABLE mark AS SELECT 'new' AS branch")
            try await runtime.copy(from: source, to: server)
            try await runtime.copy(from: source, to: server)
            try await runtime.stop(server)
            try await runtime.stop(server)
            // As a crash between the two renames leaves it.
            let place = directory.file("branches/\(dev.target.id)")
            try await Command.check("mv", ["\(place)/data", "\(place)/old"])
            try await runtime.adoptCopy(server)
            try await runtime.adoptCopy(server)
            try await runtime.start(server)
            try await runtime.start(server)
            #expect(try await query(dev, "SELECT branch FROM mark") == "new")
            #expect(!FileManager.default.fileExists(atPath: "\(place)/old"))
            // A server that was killed, and whose lock file is left.
            let pid = try String(contentsOfFile: "\(place)/data/postmaster.pid", encoding: .utf8).split(
                separator: "\n"
            )[0]
            try await Command.check("kill", ["-KILL", String(pid)])
            while await runtime.isRunning(server) { await Task.yield() }
            try await runtime.start(server)
            #expect(try await query(dev, "SELECT branch FROM mark") == "new")
        }
    }

    @Test("A port that something else took meanwhile: the server's own words, and stopped")
    func portTaken() async throws {
        try await withManager { manager, _ in
            let main = try await manager.createDatabase("shop", in: manager.createProject("shop"))
            try await manager.stop(main)
            let squatter = try RawListener(port: main.target.hostPort)
            let error = await #expect(throws: BranchError.self) { try await manager.start(main) }
            #expect(error?.description.contains("Address already in use") == true, "\(error?.description ?? "")")
            #expect(
                try manager.store.branch(id: main.target.id).target.reason?.contains("Address already in use") == true
            )
            withExtendedLifetime(squatter) {}
        }
    }
}
