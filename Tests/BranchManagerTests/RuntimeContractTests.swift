import BranchManager
import Foundation
import TestSupport
import Testing

/// What every runtime has to do, on real PostgreSQL servers.
@Suite struct RuntimeContractTests {
    @Test(
        "A life: made, copied in use and stopped, stopped, started, reset, deployed, deleted; data where it belongs",
        arguments: RuntimeKind.allCases
    )
    func life(kind: RuntimeKind) async throws {
        try await RuntimeHost.run(kind) { host in
            let main = try await host.makeDatabase()
            _ = try await host.query(main, "CREATE TABLE mark AS SELECT 'main' AS branch")
            // Copied while it is written to.
            async let writing = host.query(main, "INSERT INTO mark SELECT 'main' FROM generate_series(1, 200000)")
            let dev = try await host.manager.createBranch("dev", from: main)
            _ = try await writing
            #expect(try await host.query(dev, "SELECT DISTINCT branch FROM mark") == "main")
            #expect(dev.target.hostPort != main.target.hostPort)
            _ = try await host.query(dev, "UPDATE mark SET branch = 'dev'")
            #expect(try await host.query(main, "SELECT DISTINCT branch FROM mark") == "main", "isolated both ways")

            // Of a branch that is stopped.
            try await host.manager.stop(dev)
            await #expect(throws: (any Error).self) { try await host.query(dev, "SELECT 1") }
            let copy = try await host.manager.createBranch("copy", from: dev)
            #expect(try await host.query(copy, "SELECT DISTINCT branch FROM mark") == "dev")

            try await host.manager.start(dev)
            #expect(try await host.query(dev, "SELECT DISTINCT branch FROM mark") == "dev")
            try await host.manager.deploy(dev)
            let reset = try await host.manager.reset(dev)
            #expect(reset.target.hostPort == dev.target.hostPort)
            #expect(try await host.query(reset, "SELECT DISTINCT branch FROM mark") == "main")
            try await host.manager.reset(dev, to: copy)
            #expect(try await host.query(reset, "SELECT DISTINCT branch FROM mark") == "dev")
            try await host.manager.delete(copy)
            #expect(
                try await host.query(reset, "SELECT DISTINCT branch FROM mark") == "dev",
                "a copy does not need its source"
            )
        }
    }

    @Test(
        "Calls may be repeated, as after a crash: copied, stopped, adopted and started twice",
        arguments: RuntimeKind.allCases
    )
    func repeated(kind: RuntimeKind) async throws {
        try await RuntimeHost.run(kind) { host in
            let main = try await host.makeDatabase()
            let dev = try await host.manager.createBranch("dev", from: main)
            let (source, server) = (ServerSpec(main), ServerSpec(dev))
            _ = try await host.query(main, "CREATE TABLE mark AS SELECT 'new' AS branch")
            try await host.runtime.copy(from: source, to: server)
            try await host.runtime.copy(from: source, to: server)
            #expect(try await host.runtime.isRunning(server))
            try await host.runtime.stop(server)
            try await host.runtime.stop(server)
            #expect(try await !host.runtime.isRunning(server))
            // As a crash between the two renames leaves it.
            let place = host.directory.file("branches/\(dev.target.id)")
            try await Command.check("mv", ["\(place)/data", "\(place)/old"])
            try await host.runtime.adoptCopy(server)
            try await host.runtime.adoptCopy(server)
            try await host.runtime.start(server)
            try await host.runtime.start(server)
            #expect(try await host.query(dev, "SELECT branch FROM mark") == "new")
            #expect(!FileManager.default.fileExists(atPath: "\(place)/old"))
            try await host.runtime.copy(from: source, to: server)
            try await host.runtime.discardCopy(server)
            try await host.runtime.discardCopy(server)
            #expect(!FileManager.default.fileExists(atPath: "\(place)/copy"))
        }
    }

    @Test(
        "A port that something else took meanwhile: the reason is kept, and the branch is stopped",
        arguments: RuntimeKind.allCases
    )
    func portTaken(kind: RuntimeKind) async throws {
        try await RuntimeHost.run(kind) { host in
            let main = try await host.makeDatabase()
            try await host.manager.stop(main)
            let squatter = try RawListener(port: main.target.hostPort)
            let error = await #expect(throws: BranchError.self) { try await host.manager.start(main) }
            #expect(
                error?.description.contains(/[Aa]ddress already in use|port is already allocated/) == true,
                "\(error?.description ?? "")"
            )
            #expect(
                try host.manager.store.branch(id: main.target.id).target.reason?.contains(
                    /[Aa]ddress already in use|port is already allocated/
                ) == true
            )
            withExtendedLifetime(squatter) {}
        }
    }
}
