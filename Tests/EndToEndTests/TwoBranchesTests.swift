import Foundation
import TestSupport
import Testing

/// Two real PostgreSQL servers behind one port of the program, through psql.
@Suite struct TwoBranchesTests {
    private struct Host: Sendable {
        var main: PostgresServer
        var dev: PostgresServer
        var port: Int
        var pid: Int32
        var directory: TemporaryDirectory

        func connectionString(_ name: String, user: String = PostgresServer.user) -> String {
            "host=\(name).pg.shop.localhost hostaddr=127.0.0.1 port=\(port) user=\(user) "
                + "dbname=\(PostgresServer.database) sslmode=require connect_timeout=20"
        }

        func psql(_ name: String, _ command: String, password: String = PostgresServer.password) async throws
            -> Command.Result
        {
            try await Command.run(
                "psql",
                ["-XqAt", "-c", command, connectionString(name)],
                environment: ["PGPASSWORD": password]
            )
        }

        func writeRoutes(_ text: String) throws { try directory.write(text, to: "routes.json") }

        func routes(stopped: Bool = false) -> String {
            func target(_ name: String) -> String {
                #""target": { "id": "dbt_\#(name)", "name": "\#(name)", "database": "shop", "project": "shop" }"#
            }
            let main = #"{ "hostname": "main.pg.shop.localhost", "hostPort": \#(main.port), \#(target("main")) }"#
            let dev = #"{ "hostname": "dev.pg.shop.localhost", "hostPort": \#(dev.port), \#(target("dev")) }"#
            let old = #"{ "hostname": "dev.pg.shop.localhost", \#(target("dev")) }"#
            return stopped
                ? #"{ "version": 1, "routes": [\#(main)], "stopped": [\#(old)] }"#
                : #"{ "version": 1, "routes": [\#(main), \#(dev)] }"#
        }
    }

    private func withHost(_ body: @Sendable (Host) async throws -> Void) async throws {
        let directory = try TemporaryDirectory("host")
        defer { directory.remove() }
        let certificate = try await SelfSignedCertificate.make(in: directory, for: ["*.pg.shop.localhost"])
        var servers: [PostgresServer] = []
        let outcome: Result<Void, any Error>
        do {
            for name in ["main", "dev"] {
                let server = try await PostgresServer.start(.debian(), name: name, in: directory)
                servers.append(server)
                try await server.psql(["CREATE TABLE mark AS SELECT '\(name)' AS branch"])
            }
            let port = try await PostgresServer.freePort()
            let (main, dev) = (servers[0], servers[1])
            let plan = Host(main: main, dev: dev, port: port, pid: 0, directory: directory)
            try plan.writeRoutes(plan.routes())
            try await Program.whileRunning(
                Checkout.program("postgres-gateway"),
                ["run"],
                environment: [
                    "FROST_POSTGRES_GATEWAY_ENABLED": "true",
                    "FROST_POSTGRES_GATEWAY_PORT": String(port),
                    "FROST_POSTGRES_GATEWAY_ROUTE_FILE": directory.file("routes.json"),
                    "FROST_POSTGRES_GATEWAY_CERT_FILE": certificate.certFile,
                    "FROST_POSTGRES_GATEWAY_KEY_FILE": certificate.keyFile,
                    "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": "127.0.0.1:0",
                    "FROST_POSTGRES_GATEWAY_DRAIN_TIMEOUT": "1s",
                ],
                port: port,
                log: directory.file("gateway.log")
            ) { pid in
                try await body(Host(main: main, dev: dev, port: port, pid: pid, directory: directory))
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        for server in servers { try await server.stop() }
        try outcome.get()
    }

    @Test("Each hostname leads to its own data; what is wrong is told as a server would")
    func twoBranches() async throws {
        try await withHost { host in
            for name in ["main", "dev"] {
                let result = try await host.psql(name, "SELECT branch FROM mark")
                #expect(result.output == "\(name)\n", "\(result.errors)")
            }
            let wrong = try await host.psql("main", "SELECT 1", password: "wrong")
            #expect(wrong.exitCode == 2)
            // Exactly what the server itself says to psql, but for the port.
            let direct = try await Command.run(
                "psql",
                [
                    "-XqAt", "-c", "SELECT 1",
                    "host=main.pg.shop.localhost hostaddr=127.0.0.1 port=\(host.main.port) user=\(PostgresServer.user) "
                        + "dbname=\(PostgresServer.database) sslmode=disable",
                ],
                environment: ["PGPASSWORD": "wrong"]
            )
            #expect(
                wrong.errors.replacing(String(host.port), with: "PORT")
                    == direct.errors.replacing(String(host.main.port), with: "PORT")
            )
            let unknown = try await host.psql("nobody", "SELECT 1")
            #expect(unknown.errors.contains(#"no branch has the hostname "nobody.pg.shop.localhost""#))
        }
    }

    @Test("SIGHUP reads the route map again; a file with a fault leaves the last good one in force")
    func reload() async throws {
        try await withHost { host in
            // The gateway may have seen the file by itself before the signal comes, and then says nothing more.
            func reload(_ routes: String, until line: String) async throws {
                let before = try Self.count(line, in: host)
                try host.writeRoutes(routes)
                kill(host.pid, SIGHUP)
                let deadline = ContinuousClock.now + .seconds(20)
                while try Self.count(line, in: host) == before {
                    guard ContinuousClock.now < deadline else { throw Command.Failure("'\(line)' was not logged") }
                    await Task.yield()
                }
            }
            try await reload(host.routes(stopped: true), until: "route map loaded")
            let stopped = try await host.psql("dev", "SELECT 1")
            #expect(stopped.errors.contains("is stopped"), "\(stopped.errors)")
            #expect(try await host.psql("main", "SELECT branch FROM mark").output == "main\n")

            try await reload("{ nonsense", until: "could not load route map")
            #expect(try await host.psql("main", "SELECT branch FROM mark").output == "main\n")

            try await reload(host.routes(), until: "route map loaded")
            #expect(try await host.psql("dev", "SELECT branch FROM mark").output == "dev\n")
        }
    }

    private static func count(_ line: String, in host: Host) throws -> Int {
        let log = try String(contentsOfFile: host.directory.file("gateway.log"), encoding: .utf8)
        return log.split(separator: "\n").count { $0.contains(line) }
    }

    @Test("A server that is down is told with 57P03, and found again when it is back")
    func serverDown() async throws {
        try await withHost { host in
            try await host.dev.stop()
            let down = try await host.psql("dev", "SELECT 1")
            #expect(down.errors.contains("is not accepting connections"), "\(down.errors)")
            #expect(down.errors.contains("HINT:"))
            try await host.dev.start()
            #expect(try await host.psql("dev", "SELECT branch FROM mark").output == "dev\n")
        }
    }
}
