import Foundation
import TestSupport
import Testing

@testable import BranchManager

/// Frost's own way into containers: whatever a branch's superuser changes, frost gets in, and needs no password for it.
@Suite struct DockerAccessTests {
    private func inside(_ branch: BranchDetails, _ script: String) async throws {
        try await Command.check(
            "docker",
            [
                "exec", "-u", "postgres", DockerRuntime.containerName(branch.target.id), "/bin/sh", "-euc",
                "cd /var/lib/postgresql/data/pgdata; \(script)",
            ]
        )
    }

    private static let lockOut = """
        echo 'local all all reject' >pg_hba.conf
        echo 'host all all all reject' >>pg_hba.conf
        echo 'what is this' >pg_ident.conf
        cat >>postgresql.auto.conf <<END
        hba_file = '/var/lib/postgresql/data/pgdata/pg_hba.conf'
        ident_file = '/nowhere'
        unix_socket_directories = '/nowhere'
        unix_socket_permissions = '0000'
        listen_addresses = ''
        port = 6000
        END
        """

    @Test("Rules that reject everybody, and settings that lead elsewhere: frost gets in, copies, and rotates")
    func lockedOut() async throws {
        try await RuntimeHost.run(.docker) { host in
            let main = try await host.makeDatabase()
            _ = try await host.query(main, "CREATE TABLE mark AS SELECT 1 AS one")
            _ = try await host.query(main, "ALTER ROLE frost PASSWORD NULL")
            try await inside(main, Self.lockOut)
            let deployed = try await host.manager.deploy(main)
            #expect(deployed.target.passwordState == .unknown)
            await #expect(throws: (any Error).self) { try await host.query(main, "SELECT 1") }
            try await host.manager.execute(["CREATE TABLE made_by_frost ()"], on: main)
            let running = try await host.manager.createBranch("running", from: main)
            try await host.manager.stop(main)
            let stopped = try await host.manager.createBranch("stopped", from: main)
            try await host.manager.reset(running, to: stopped)
            for branch in [running, stopped] {
                try await host.manager.execute(["SELECT one FROM mark", "SELECT FROM made_by_frost"], on: branch)
            }
            for branch in try await host.manager.rotatePassword(of: main.database) where branch.target.name != "main" {
                #expect(branch.target.passwordState == .known)
            }
            // The branch's own rules say again who comes over the port, which is the published one still.
            try await inside(running, "echo 'host all all all scram-sha-256' >pg_hba.conf")
            let after = try await host.manager.deploy(running)
            #expect(try await host.query(after, "SHOW port") == "5432")
        }
    }

    @Test("A branch's superuser can read frost's rules, and neither change nor replace them")
    func rules() async throws {
        try await RuntimeHost.run(.docker) { host in
            let main = try await host.makeDatabase()
            let read = try await host.query(main, "SELECT pg_read_file('/frost/pg_hba.conf')")
            #expect(read.contains("local all,replication \"frost\" peer map=frost"))
            for path in ["/frost/pg_hba.conf", "/frost/pg_ident.conf", "/frost/other"] {
                let error = await #expect(throws: (any Error).self) {
                    try await host.query(main, "COPY (SELECT 'local all all trust') TO '\(path)'")
                }
                #expect("\(error.debugDescription)".contains("Permission denied"))
            }
            // Root of the host, in the container, by the place where programs look for a socket.
            let name = DockerRuntime.containerName(main.target.id)
            let psql = ["psql", "-XqAt", "-U", "frost", "-d", "shop", "-c", "SELECT 1"]
            #expect(try await Command.check("docker", ["exec", name] + psql) == "1\n")
            for script in ["rm -f /frost/pg_hba.conf", "mv /frost /gone", "rmdir /frost/socket"] {
                await #expect(throws: (any Error).self) { try await inside(main, script) }
            }
        }
    }

    @Test("A link in place of the branch's rules leads nowhere out of the container, and to no lock-out")
    func link() async throws {
        try await RuntimeHost.run(.docker) { host in
            let main = try await host.makeDatabase()
            try await inside(main, "ln -sf /etc/shadow pg_hba.conf")
            try await host.manager.deploy(main)
            try await host.manager.execute(["SELECT 1"], on: main)
            let rules = try await Command.check(
                "docker",
                ["exec", DockerRuntime.containerName(main.target.id), "cat", "/frost/pg_hba.conf"]
            )
            #expect(!rules.contains("root:"))
            try await inside(main, "rm pg_hba.conf; head -c 2000000 /dev/zero >pg_hba.conf")
            let error = await #expect(throws: BranchError.self) { try await host.manager.deploy(main) }
            #expect(error?.description.contains("larger than") == true, "\(error?.description ?? "")")
        }
    }

    @Test("No container of frost's has the password in its variables once the server is made")
    func noPassword() async throws {
        try await RuntimeHost.run(.docker) { host in
            let main = try await host.makeDatabase()
            let variables = try await Command.check(
                "docker",
                [
                    "inspect", "--format", "{{json .Config.Env}} {{json .Args}}",
                    DockerRuntime.containerName(main.target.id),
                ]
            )
            #expect(!variables.contains(main.database.password))
            #expect(variables.contains("hba_file=/frost/pg_hba.conf"))
            // With it, its volume goes.
            let mounts = ["inspect", "--format", "{{range .Mounts}}{{.Name}}{{end}}"]
            let volume = try await Command.check("docker", mounts + [DockerRuntime.containerName(main.target.id)])
                .trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(!volume.isEmpty)
            try await host.manager.stop(main)
            #expect(try await !Command.run("docker", ["volume", "inspect", volume]).isSuccess)
        }
    }

    @Test("A database that somebody has renamed is copied, and its branch goes on")
    func renamed() async throws {
        try await RuntimeHost.run(.docker) { host in
            let main = try await host.makeDatabase()
            var other = main
            other.database.databaseName = "postgres"
            _ = try await host.query(other, "ALTER DATABASE shop RENAME TO other")
            _ = try await host.manager.deploy(main)
            #expect(try await host.manager.checkPassword(main) == .known)
            var dev = try await host.manager.createBranch("dev", from: main)
            dev.database.databaseName = "other"
            #expect(try await host.query(dev, "SELECT 1") == "1")
        }
    }

    @Test("What a copy takes and others have used up is told with the numbers")
    func senders() async throws {
        try await RuntimeHost.run(.docker) { host in
            let main = try await host.makeDatabase()
            _ = try await host.query(main, "ALTER SYSTEM SET max_wal_senders = 1")
            try await host.manager.deploy(main)
            let error = await #expect(throws: BranchError.self) {
                try await host.manager.createBranch("dev", from: main)
            }
            #expect(error?.description.contains("0 of 1 (max_wal_senders)") == true, "\(error?.description ?? "")")
        }
    }

    @Test("A container that an earlier frost has made answers frost; what it lacks for a copy comes with a deploy")
    func earlier() async throws {
        try await RuntimeHost.run(.docker) { host in
            let main = try await host.makeDatabase()
            let name = DockerRuntime.containerName(main.target.id)
            try await Command.check("docker", ["rm", "-f", "-v", name])
            try await Command.check(
                "docker",
                [
                    "run", "-d", "--name", name, "--network", host.network, "-p",
                    "127.0.0.1:\(main.target.hostPort):5432", "-e", "PGDATA=/var/lib/postgresql/data/pgdata", "-v",
                    "\(host.directory.file("branches/\(main.target.id)/data")):/var/lib/postgresql/data",
                    try await PostgresImage.tag(),
                ]
            )
            // Killed, it replays its log first.
            let deadline = ContinuousClock.now + .seconds(60)
            while try await host.runtime.start(ServerSpec(main)) != .answering {
                try #require(ContinuousClock.now < deadline)
            }
            try await host.manager.execute(["SELECT 1"], on: main)
            #expect(try await host.manager.checkPassword(main) == .known)
            let error = await #expect(throws: BranchError.self) {
                try await host.manager.createBranch("dev", from: main)
            }
            #expect(error?.description.contains("created by an earlier frost") == true, "\(error?.description ?? "")")
            try await host.manager.deploy(main)
            _ = try await host.manager.createBranch("dev", from: main)
        }
    }

    @Test("What fails in a container is told by its exit status, with the end of what it printed and no more")
    func failures() async throws {
        let engine = DockerEngine(
            socket: DockerRuntime.defaultSocket,
            lookTimeout: RuntimeHost.lookTimeout,
            hint: CommandHint()
        )
        let name = "frost-test-\(UUID().uuidString.lowercased())"
        var spec = DockerEngine.ContainerSpec(Image: try await PostgresImage.tag())
        spec.HostConfig.NetworkMode = "none"
        spec.Entrypoint = [
            "/bin/sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x >&2; echo; echo the end >&2; exit 3",
        ]
        let failed = await #expect(throws: BranchError.self) { try await engine.runToEnd(name, spec) }
        #expect(failed?.description.hasSuffix("the end") == true)
        #expect((failed?.description.count ?? 0) < 2 * DockerEngine.messageLength)
        // Words of other failures are no failure.
        spec.Entrypoint = ["/bin/sh", "-c", "echo 'No such image: x is ambiguous' >&2"]
        #expect(try await engine.runToEnd(name, spec) == "No such image: x is ambiguous")
        // 404, of two kinds.
        spec.HostConfig.NetworkMode = String(repeating: "0", count: 64)
        let network = await #expect(throws: BranchError.self) { try await engine.run(name, spec) }
        #expect(network?.description.contains("docker pull") == false)
        try await engine.remove(name)
        spec.Image = "frost-there-is-none"
        let image = await #expect(throws: BranchError.self) { try await engine.run(name, spec) }
        #expect(image?.description.contains("docker pull frost-there-is-none") == true)
    }

    @Test("A network that many make at the same time is one, and is used by its id")
    func network() async throws {
        let name = "frost-test-\(UUID().uuidString.prefix(8).lowercased())"
        let engine = DockerEngine(
            socket: DockerRuntime.defaultSocket,
            lookTimeout: RuntimeHost.lookTimeout,
            hint: CommandHint()
        )
        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<8 { group.addTask { try await engine.makeNetwork(name) } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        let listed = try await Command.check(
            "docker",
            ["network", "ls", "-q", "--no-trunc", "--filter", "name=\(name)"]
        )
        #expect(ids == Set(listed.split(separator: "\n").map(String.init)))
        #expect(ids.count == 1)
        try await Command.check("docker", ["network", "rm", name])
    }

    @Test("Archives: tar(1) reads what is written, and what is no file is none")
    func archives() async throws {
        let directory = try TemporaryDirectory("archive")
        defer { directory.remove() }
        let text = Array(String(repeating: "rules\n", count: 1_000).utf8)
        let archive = TarArchive.archive([
            TarArchive.Entry(path: "frost", mode: 0o755), TarArchive.Entry(path: "frost/a", mode: 0o644, content: text),
            TarArchive.Entry(path: "frost/s", mode: 0o1777),
        ])
        try Data(archive).write(to: URL(fileURLWithPath: directory.file("archive.tar")))
        let listed = try await Command.check("tar", ["-tvf", directory.file("archive.tar"), "--numeric-owner"])
        let lines = listed.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines.map { $0.first ?? "" } == ["drwxr-xr-x", "-rw-r--r--", "drwxrwxrwt"])
        #expect(lines.map { $0.last ?? "" } == ["frost/", "frost/a", "frost/s/"])
        #expect(TarArchive.firstFile(of: Array(archive.dropFirst(512))) == text)
        #expect(TarArchive.firstFile(of: archive) == nil)
        #expect(TarArchive.firstFile(of: Array(archive.dropFirst(512).prefix(1_000))) == nil, "cut off")
        #expect(TarArchive.firstFile(of: []) == nil)
        #expect(TarArchive.firstFile(of: [UInt8](repeating: 0, count: 1_024)) == nil)
        #expect(TarArchive.firstFile(of: [UInt8](repeating: 0xff, count: 2_048)) == nil)
    }
}
