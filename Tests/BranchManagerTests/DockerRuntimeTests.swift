import Foundation
import TestSupport
import Testing

@testable import BranchManager

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What is the Docker runtime's own.
@Suite struct DockerRuntimeTests {
    @Test("A container: on 127.0.0.1 only, labelled, and known to others by its internal name")
    func container() async throws {
        try await RuntimeHost.run(.docker) { host in
            let main = try await host.makeDatabase()
            _ = try await host.query(main, "CREATE TABLE mark AS SELECT 'main' AS branch")
            let name = DockerRuntime.containerName(main.target.id)
            let inspected = try await Command.check(
                "docker",
                ["inspect", "--format", "{{json .HostConfig.PortBindings}} {{json .Config.Labels}}", name]
            )
            #expect(inspected.contains(#""HostIp":"127.0.0.1","HostPort":"\#(main.target.hostPort)""#), "\(inspected)")
            #expect(inspected.contains(#""frost.target.id":"\#(main.target.id)""#))
            // Another container of the network, by the internal name and port 5432.
            let inside = try await Command.check(
                "docker",
                [
                    "run", "--rm", "--network", host.network, "-e",
                    "PGPASSWORD=\(main.database.password)",
                    "--entrypoint", "psql", try await PostgresImage.tag(), "-XqAt", "-c", "SELECT branch FROM mark",
                    "host=shop--main.frost.internal port=5432 user=\(main.database.username) dbname=shop",
                ]
            )
            #expect(inside == "main\n")
            // Killed behind our back: it is not said to run, and recovery starts it.
            try await Command.check("docker", ["kill", name])
            #expect(try await !host.runtime.isRunning(ServerSpec(main)))
            let recovered = try await host.manager.recover(checkingServers: true)
            #expect(recovered.count == 1)
            #expect(try await host.query(main, "SELECT branch FROM mark") == "main")
        }
    }

    @Test("A superuser of a branch gains no rights in its container, and not even its root can listen in on others")
    func confined() async throws {
        try await RuntimeHost.run(.docker) { host in
            let main = try await host.makeDatabase()
            let program = #"grep -E "^(NoNewPrivs|CapEff|CapBnd):" /proc/self/status"#
            let lines = try await host.query(
                main,
                "CREATE TABLE status (line text); COPY status FROM PROGRAM '\(program)' WITH (DELIMITER '|'); "
                    + "SELECT replace(line, E'\\t', ' ') FROM status ORDER BY line"
            ).split(separator: "\n").map(String.init)
            let bounding = try #require(
                lines.first.flatMap { UInt64($0.dropFirst("CapBnd: ".count), radix: 16) },
                "\(lines)"
            )
            #expect(lines.dropFirst() == ["CapEff: 0000000000000000", "NoNewPrivs: 1"])
            // Bits of linux/capability.h: NET_RAW, SYS_CHROOT, MKNOD, SETFCAP.
            for bit in [13, 18, 27, 31] { #expect(bounding & 1 << bit == 0, "\(bit) of \(lines)") }
        }
    }

    @Test("A container has the memory and the processors that are set, and no more")
    func limits() async throws {
        let limits = try DockerRuntime.Limits(
            memory: DockerRuntime.Limits.memory("256MiB"),
            nanoCPUs: DockerRuntime.Limits.nanoCPUs("0.5")
        )
        try await RuntimeHost.run(.docker, limits: limits) { host in
            let main = try await host.makeDatabase()
            let inspected = try await Command.check(
                "docker",
                [
                    "inspect", "--format", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}",
                    DockerRuntime.containerName(main.target.id),
                ]
            )
            #expect(inspected == "268435456 500000000\n")
            #expect(try await host.query(main, "SELECT 1") == "1")
        }
    }

    @Test("Sizes of memory and numbers of processors")
    func limitTexts() throws {
        #expect(try DockerRuntime.Limits.memory("512MiB") == 536_870_912)
        #expect(try DockerRuntime.Limits.memory("2GiB") == 2_147_483_648)
        #expect(try DockerRuntime.Limits.memory("33554432") == 33_554_432)
        #expect(try DockerRuntime.Limits.memory("none") == nil)
        #expect(try DockerRuntime.Limits.nanoCPUs("1.5") == 1_500_000_000)
        for text in ["", "MiB", "512MB", "-1", "1.5GiB", "9999999999999999999", "9223372036854775807GiB", "٣MiB"] {
            #expect(throws: BranchError.self, "\(text)") { try DockerRuntime.Limits.memory(text) }
        }
        for text in ["", "0", "-1", "nan", "inf", "1e9", "x"] {
            #expect(throws: BranchError.self, "\(text)") { try DockerRuntime.Limits.nanoCPUs(text) }
        }
    }

    @Test("No engine: told by its socket")
    func noEngine() async throws {
        let directory = try TemporaryDirectory("engine")
        defer { directory.remove() }
        let runtime = try DockerRuntime(directory: directory.file("branches"), socket: directory.file("none.sock"))
        let manager = try BranchManager(
            store: BranchStore.open(in: directory.path),
            runtimes: [.docker: runtime],
            routes: SilentRoutes(),
            directory: directory.path,
            hostPorts: HostPorts.next()
        )
        let project = try manager.createProject("shop")
        let error = await #expect(throws: BranchError.self) {
            try await manager.createDatabase("shop", in: project, runtime: .docker)
        }
        #expect(error?.description.contains(directory.file("none.sock")) == true)
    }

    @Test("An engine that takes connections and answers nothing holds nobody up for long", .timeLimit(.minutes(1)))
    func silentEngine() async throws {
        let directory = try TemporaryDirectory("engine")
        defer { directory.remove() }
        let socket = try SilentSocket(path: directory.file("silent.sock"))
        let engine = DockerEngine(
            socket: directory.file("silent.sock"),
            lookTimeout: .seconds(1),
            hint: CommandHint()
        )
        // One after the other, as recovery asks for many branches.
        for number in 0..<50 {
            await #expect(throws: BranchError.self) { _ = try await engine.state(of: "frost-db-\(number)") }
            await #expect(throws: BranchError.self) { try await engine.remove("frost-db-\(number)") }
        }
        withExtendedLifetime(socket) {}
    }

    @Test("What is left of a branch is removed without its image")
    func removalWithoutImage() async throws {
        try await RuntimeHost.run(.docker) { host in
            let main = try await host.makeDatabase()
            let directory = host.directory.file("branches")
            let other = try DockerRuntime(
                directory: directory,
                image: { () throws(BranchError) in "frost-there-is-none" },
                network: host.network,
                lookTimeout: RuntimeHost.lookTimeout
            )
            let manager = try BranchManager(
                store: host.manager.store,
                runtimes: [.docker: other],
                routes: SilentRoutes(),
                directory: host.directory.path,
                hostPorts: HostPorts.next()
            )
            let error = await #expect(throws: BranchError.self) {
                try await manager.createDatabase("other", in: main.project, runtime: .docker)
            }
            #expect(error?.description.contains("docker pull frost-there-is-none") == true, "\(error.debugDescription)")
            if geteuid() == 0 {
                try await manager.deleteDatabase(main.database)
                #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
            } else {
                // Files of the image's user: they stay until there is an image again.
                await #expect(throws: BranchError.self) { try await manager.deleteDatabase(main.database) }
            }
        }
    }

    private struct SilentRoutes: RouteListener {
        func routesChanged() async throws(BranchError) {}
    }
}
