import BranchManager
import Foundation
import TestSupport
import Testing

/// A password that somebody changes locks frost out of nothing.
@Suite struct PasswordTests {
    @Test(
        "One changed in PostgreSQL: copies go on, the branch and its copy say so, and a rotation mends it",
        arguments: RuntimeKind.allCases
    )
    func changed(kind: RuntimeKind) async throws {
        try await RuntimeHost.run(kind) { host in
            let main = try await host.makeDatabase()
            #expect(try await host.manager.checkPassword(main) == .known)
            _ = try await host.query(main, "ALTER ROLE frost PASSWORD 'changed by hand'")
            await #expect(throws: (any Error).self) { try await host.query(main, "SELECT 1") }
            #expect(try await host.manager.checkPassword(main) == .unknown)
            let dev = try await host.manager.createBranch("dev", from: main)
            #expect(dev.target.passwordState == .unknown)
            #expect(dev.target.passwordWarning(CommandHint())?.contains("--rotate") == true)

            let stopped = try await host.manager.createBranch("stopped", from: main)
            try await host.manager.stop(stopped)
            let after = try await host.manager.rotatePassword(of: main.database)
            #expect(after.first?.database.password != main.database.password)
            let states = Dictionary(uniqueKeysWithValues: after.map { ($0.target.name, $0.target.passwordState) })
            #expect(states == ["main": .known, "dev": .known, "stopped": .pending])
            for branch in after where branch.target.name != "stopped" {
                #expect(try await host.query(branch, "SELECT 1") == "1")
            }
            let started = try await host.manager.start(stopped)
            #expect(started.target.passwordState == .known)
            #expect(try await host.query(started, "SELECT 1") == "1")
            var old = started
            old.database.password = "changed by hand"
            await #expect(throws: (any Error).self) { try await host.query(old, "SELECT 1") }
        }
    }

    @Test("A copy of a stopped branch, and a reset to one, get the new password before they are routed")
    func copies() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let dev = try await host.manager.createBranch("dev", from: main)
            try await host.manager.stop(main)
            _ = try await host.manager.rotatePassword(of: main.database)
            let copy = try await host.manager.createBranch("copy", from: main)
            #expect(copy.target.passwordState == .known)
            #expect(try await host.query(copy, "SELECT 1") == "1")
            let reset = try await host.manager.reset(dev, to: main)
            #expect(reset.target.passwordState == .known)
            #expect(try await host.query(reset, "SELECT 1") == "1")
        }
    }

    @Test("Frost's way in does not depend on the branch's own rules, and its user cannot change it")
    func ownWay() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let access = host.directory.file("access/\(main.target.id)")
            let data = host.directory.file("branches/\(main.target.id)/data")
            // Who owns the branch lets nobody in any more.
            try await Command.check(
                "sh",
                ["-c", "echo 'host all all 127.0.0.1/32 reject' >\"$1\"", "sh", "\(data)/pg_hba.conf"]
            )
            _ = try await host.query(main, "ALTER ROLE frost PASSWORD NULL")
            let deployed = try await host.manager.deploy(main)
            #expect(deployed.target.passwordState == .unknown)
            await #expect(throws: (any Error).self) { try await host.query(main, "SELECT 1") }
            let dev = try await host.manager.createBranch("dev", from: main)
            try await host.manager.execute(["CREATE TABLE made_by_frost ()"], on: dev)
            if getuid() == 0 {
                for name in ["pg_hba.conf", "pg_ident.conf", ""] {
                    let owner = try FileManager.default.attributesOfItem(atPath: "\(access)/\(name)")[.ownerAccountID]
                    #expect(owner as? Int == 0)
                }
                let error = await #expect(throws: BranchError.self) {
                    try await host.manager.execute(
                        ["COPY (SELECT 'local all all trust') TO '\(access)/pg_hba.conf'"],
                        on: main
                    )
                }
                #expect(error?.description.contains("Permission denied") == true, "\(error?.description ?? "")")
            }
        }
    }

    @Test("A data directory whose path is too long for a socket has its sockets elsewhere, and leaves none behind")
    func longPath() async throws {
        let directory = try TemporaryDirectory("long")
        defer { directory.remove() }
        let long = try directory.directory(String(repeating: "l", count: 90))
        try await RuntimeHost.run(
            .local,
            in: long,
            local: { try await LocalRuntime(directory: $0, installations: PostgresInstallations.find()) }
        ) { host in
            let main = try await host.makeDatabase()
            let sockets = try await host.query(main, "SHOW unix_socket_directories")
            #expect(!sockets.contains(long.path))
            _ = try await host.query(main, "ALTER ROLE frost PASSWORD 'changed by hand'")
            #expect(try await host.manager.checkPassword(main) == .unknown)
            try await host.manager.deleteDatabase(main.database)
            #expect(!FileManager.default.fileExists(atPath: sockets.replacing("\"", with: "")))
        }
    }
}
