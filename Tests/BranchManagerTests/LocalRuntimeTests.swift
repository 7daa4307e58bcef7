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
            let access = host.directory.file("access/\(main.target.id)")
            #expect(try await host.query(main, "SHOW unix_socket_directories") == "\"\(access)/s\"")
            #expect(try FileManager.default.attributesOfItem(atPath: "\(access)/s")[.posixPermissions] as? Int == 0o700)
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

    @Test("A server that was killed, and whose lock file is left, is started again")
    func killed() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let server = ServerSpec(main)
            let file = host.directory.file("branches/\(main.target.id)/data/postmaster.pid")
            let pid = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")[0]
            #expect(host.runtime.surelyRunning(of: [server]) == [main.target.id])
            try await Command.check("kill", ["-KILL", String(pid)])
            while try await host.runtime.isRunning(server) { await Task.yield() }
            #expect(host.runtime.surelyRunning(of: [server]).isEmpty)
            #expect(FileManager.default.fileExists(atPath: file))
            try await host.runtime.start(server)
            #expect(try await host.query(main, "SELECT 1") == "1")
        }
    }

    @Test("A program that a killed process has left at work on a branch's files is ended before they are touched")
    func leftOverTool() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let dev = try await host.manager.createBranch("dev", from: main)
            let started = host.directory.file("started")
            let script = "echo $$ > \(started).part; mv \(started).part \(started); exec sleep 600"
            async let tool = Command.run("sh", ["-c", script], environment: ["FROST_TOOL_OF": dev.target.id])
            while !FileManager.default.fileExists(atPath: started) { await Task.yield() }
            try await host.runtime.discardCopy(ServerSpec(main))
            let pid = try String(contentsOfFile: started, encoding: .utf8).trimmingCharacters(in: .newlines)
            #expect(FileManager.default.fileExists(atPath: "/proc/\(pid)"), "that of another branch is left alone")
            try await host.runtime.discardCopy(ServerSpec(dev))
            #expect(try await tool.exitCode == nil, "it was killed")
            #expect(try await host.query(dev, "SELECT 1") == "1", "its server was left alone")
        }
    }

    @Test("A directory that a killed frost had made and not given away yet is filled, and is removed")
    func unfinishedDirectory() async throws {
        #expect(geteuid() == 0, "run this test as root: only root makes directories of others")
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let place = host.directory.file("branches/\(main.target.id)")
            func leaveAsRoots() throws {
                try FileManager.default.createDirectory(
                    atPath: place,
                    withIntermediateDirectories: false,
                    attributes: [.posixPermissions: 0o700]
                )
            }
            try await host.runtime.stop(ServerSpec(main))
            try await host.runtime.remove(ServerSpec(main))
            try leaveAsRoots()
            try await host.runtime.initialize(ServerSpec(main))
            try await host.runtime.start(ServerSpec(main))
            #expect(try await host.query(main, "SELECT 1") == "1")
            try await host.runtime.stop(ServerSpec(main))
            try await host.runtime.remove(ServerSpec(main))
            try leaveAsRoots()
            try await host.runtime.remove(ServerSpec(main))
            #expect(!FileManager.default.fileExists(atPath: place))
        }
    }
}
