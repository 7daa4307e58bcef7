import BranchManager
import Foundation
import TestSupport
import Testing

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

    private struct SilentRoutes: RouteListener {
        func routesChanged() async throws(BranchError) {}
    }
}
