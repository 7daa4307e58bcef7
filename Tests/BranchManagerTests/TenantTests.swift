import Foundation
import TestSupport
import Testing

@testable import BranchManager

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What whoever owns a local branch can put below its directory, and what frost does with it.
@Suite struct TenantTests {
    private static let secret = "the secret of somebody else"

    /// Runs a script in a branch's directory as its server's account; `$1` is a directory of this process's own.
    private func asTenant(_ host: RuntimeHost, _ branch: BranchDetails, _ script: String) async throws {
        let place = host.directory.file("branches/\(branch.target.id)")
        let account = try ServerAccount(users: ["postgres"])
        let command = account.command + ["sh", "-ec", "cd \"$0\"; \(script)", place, host.directory.path]
        try await Command.check(command[0], Array(command.dropFirst()))
    }

    private func makeVictim(_ host: RuntimeHost) throws {
        let path = host.directory.file("victim")
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
        for number in 0..<100 { try host.directory.write(Self.secret, to: "victim/\(number)") }
        try host.directory.write(Self.secret, to: "secret")
        #expect(chmod(host.directory.file("secret"), 0o600) == 0)
    }

    private func victims(_ host: RuntimeHost) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: host.directory.file("victim")).count
    }

    @Test("Links in place of its log, its lock file and its data tell nothing, and lose nothing of where they lead")
    func links() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            try makeVictim(host)
            let server = ServerSpec(main)

            // A log that leads to another's file, and a start that fails.
            try await host.manager.stop(main)
            try await asTenant(
                host,
                main,
                "rm server.log; ln -s \"$1/secret\" server.log; echo 'nonsense' >>data/postgresql.conf"
            )
            let failed = await #expect(throws: BranchError.self) { try await host.manager.start(main) }
            #expect(failed?.description.contains(Self.secret) == false, "\(failed?.description ?? "")")
            #expect(failed?.description.contains("syntax error") == true, "\(failed?.description ?? "")")
            try await asTenant(host, main, "sed -i /nonsense/d data/postgresql.conf; rm server.log; mkfifo server.log")
            try await host.manager.start(main)
            #expect(try await host.query(main, "SELECT 1") == "1")

            // A lock file that is another's: the server is found all the same, and stopped.
            try await asTenant(host, main, "mv data/postmaster.pid kept; ln -s \"$1/secret\" data/postmaster.pid")
            #expect(try await host.runtime.isRunning(server))
            try await host.runtime.stop(server)
            #expect(try await !host.runtime.isRunning(server))
            #expect(FileManager.default.fileExists(atPath: host.directory.file("secret")))
            try await host.runtime.start(server)
            #expect(try await host.query(main, "SELECT 1") == "1")
            try await host.manager.stop(main)

            // Data that leads elsewhere is not removed there.
            let dev = try await host.manager.createBranch("dev", from: main)
            try await host.manager.stop(dev)
            try await asTenant(host, dev, "rm -r data; ln -s \"$1/victim\" data; ln -s \"$1/victim\" old")
            try await host.manager.reset(dev)
            #expect(try victims(host) == 100)
            #expect(try await host.query(dev, "SELECT 1") == "1")
            try await host.manager.stop(dev)
            try await asTenant(host, dev, "rm -r data; ln -s \"$1/victim\" data; ln -s \"$1/victim\" copy")
            try await host.runtime.discardCopy(ServerSpec(dev))
            try await host.manager.delete(dev)
            #expect(try victims(host) == 100)
        }
    }

    @Test(
        "Settings in its files lead no server to another's data, address, port or socket, and frost to no other server"
    )
    func settings() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let dev = try await host.manager.createBranch("dev", from: main)
            _ = try await host.query(dev, "CREATE TABLE mark AS SELECT 'dev' AS branch")
            try await host.manager.stop(main)
            try await host.manager.stop(dev)
            let data = host.directory.file("branches/\(dev.target.id)/data")
            let other = host.directory.file("branches/\(main.target.id)/data")
            let settings = [
                "data_directory": other, "hba_file": "\(other)/pg_hba.conf", "ident_file": "\(other)/pg_ident.conf",
                "external_pid_file": "\(other)/postmaster.pid", "unix_socket_directories": other,
                // Of which its account is none: the server would not start.
                "unix_socket_group": "root", "unix_socket_permissions": "0777", "listen_addresses": "0.0.0.0",
                "port": String(main.target.hostPort), "logging_collector": "on", "log_destination": "csvlog",
            ]
            let text = settings.map { "\($0.key) = '\($0.value)'" }.joined(separator: "\n")
            for file in ["postgresql.conf", "postgresql.auto.conf"] {
                try await asTenant(host, dev, "cat >>data/\(file) <<'END'\n\(text)\nEND\n")
            }
            try await host.manager.start(dev)
            #expect(try await host.query(dev, "SELECT branch FROM mark") == "dev")
            #expect(try await host.query(dev, "SHOW data_directory") == data)
            #expect(try await host.query(dev, "SHOW listen_addresses") == "127.0.0.1")
            for name in settings.keys.sorted() {
                #expect(
                    try await host.query(dev, "SELECT source FROM pg_settings WHERE name = '\(name)'") == "command line"
                        || ["data_directory", "hba_file", "ident_file"].contains(name),
                    "\(name)"
                )
            }
            #expect(!FileManager.default.fileExists(atPath: "\(other)/postmaster.pid"))
            let log = try String(contentsOfFile: "\(data)/../server.log", encoding: .utf8)
            #expect(!log.contains("external PID file"), "\(log)")
            // Frost's own way in is the same.
            #expect(try await host.runtime.passwordVerifier(ServerSpec(dev))?.isEmpty == false)
            #expect(try await !host.runtime.isRunning(ServerSpec(main)))
            try await host.manager.start(main)
            try await host.manager.stop(dev)
            #expect(try await host.query(main, "SELECT to_regclass('mark') IS NULL") == "t")
            let copy = try await host.manager.createBranch("copy", from: dev)
            #expect(try await host.query(copy, "SELECT branch FROM mark") == "dev")
        }
    }

    @Test("Data that leads to another branch's does not end that one's server")
    func anothersServer() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let dev = try await host.manager.createBranch("dev", from: main)
            try await host.manager.stop(dev)
            try await asTenant(host, dev, "mv data kept; ln -s ../\(main.target.id)/data data")
            #expect(try await !host.runtime.isRunning(ServerSpec(dev)))
            try await host.runtime.stop(ServerSpec(dev))
            #expect(try await host.query(main, "SELECT 1") == "1")
            try await host.manager.delete(dev)
            #expect(try await host.query(main, "SELECT 1") == "1")
        }
    }

    @Test(
        "Servers have no groups but their account's own, and are each run as the account that owns its directory",
        .enabled(if: geteuid() == 0, "servers of another user need root")
    )
    func accounts() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            _ = try await host.query(main, "CREATE TABLE mark AS SELECT 'main' AS branch")
            // As on a host that has got an account for servers since.
            let directory = host.directory.file("branches")
            let since = try await LocalRuntime(
                directory: directory,
                installations: PostgresInstallations.find(),
                user: "nobody"
            )
            let manager = try BranchManager(
                store: host.manager.store,
                runtimes: [.local: since],
                routes: SilentRoutes(),
                directory: host.directory.path,
                hostPorts: HostPorts.next()
            )
            let running = try await manager.createBranch("running", from: main)
            try await manager.stop(main)
            let stopped = try await manager.createBranch("stopped", from: main)
            try await manager.start(main)
            try await manager.stop(stopped)
            try await manager.reset(running, to: stopped)
            try await manager.start(stopped)
            let owners = [(main, "postgres"), (running, "nobody"), (stopped, "nobody")]
            for (branch, user) in owners {
                #expect(try await host.query(branch, "SELECT branch FROM mark") == "main")
                let lock = "\(directory)/\(branch.target.id)/data/postmaster.pid"
                let pid = try String(contentsOfFile: lock, encoding: .utf8).prefix { $0 != "\n" }
                let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
                let entry = try #require(getpwnam(user))
                #expect(status.contains(/Uid:\t(\d+)\t\1\t\1\t\1/))
                #expect(status.contains("Uid:\t\(entry.pointee.pw_uid)\t"), "\(user)")
                #expect(status.contains("Gid:\t\(entry.pointee.pw_gid)\t"), "\(user)")
                #expect(status.contains(/Groups:\s*\n/), "\(user)")
            }
            for branch in [stopped, running] { try await manager.delete(branch) }
        }
    }

    private struct SilentRoutes: RouteListener {
        func routesChanged() async throws(BranchError) {}
    }
}
