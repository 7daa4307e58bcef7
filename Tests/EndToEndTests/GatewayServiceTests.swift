import Foundation
import TestSupport
import Testing

/// The program as a service: what it tells systemd, how it is asked, how it stops.
@Suite struct GatewayServiceTests {
    fileprivate struct Host: Sendable {
        var directory: TemporaryDirectory
        var certificate: SelfSignedCertificate
        var port: Int
        var adminPort: Int
        var systemd: DatagramSocket
        var pid: Int32 = 0

        func health(_ arguments: String...) async throws -> Command.Result {
            try await Command.run(
                Checkout.program("postgres-gateway"),
                ["health", "--admin-address", "127.0.0.1:\(adminPort)"] + arguments
            )
        }

        func log() throws -> [LogLine] {
            // Whole lines only: one may be half written now.
            let text = try String(contentsOfFile: directory.file("gateway.log"), encoding: .utf8)
            return try text[..<(text.lastIndex(of: "\n") ?? text.startIndex)].split(separator: "\n").map {
                try #require(LogLine(String($0)), "no JSON: \($0)")
            }
        }
    }

    /// A gateway that reports to the test as it would to systemd.
    private func withGateway(
        backend: Bool = false,
        log: String? = nil,
        fileDescriptors: Int? = nil,
        environment: [String: String] = [:],
        prepare: (TemporaryDirectory, SelfSignedCertificate, Int?) throws -> Void = { _, _, _ in },
        _ body: @Sendable (Host) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory("service")
        defer { directory.remove() }
        let certificate = try await SelfSignedCertificate.make(in: directory, for: ["*.pg.shop.localhost"])
        let server = backend ? try await PostgresServer.start(.debian(), name: "main", in: directory) : nil
        let outcome: Result<Void, any Error>
        do {
            try prepare(directory, certificate, server?.port)
            let host = Host(
                directory: directory,
                certificate: certificate,
                port: try await PostgresServer.freePort(),
                adminPort: try await PostgresServer.freePort(),
                systemd: try DatagramSocket(path: directory.file("notify"))
            )
            let settings = [
                "ENABLED": "true", "PORT": String(host.port), "LISTEN_ADDRESS": "127.0.0.1",
                "ADMIN_ADDRESS": "127.0.0.1:\(host.adminPort)", "ROUTE_FILE": directory.file("routes.json"),
                "CERT_FILE": certificate.certFile, "KEY_FILE": certificate.keyFile, "DRAIN_TIMEOUT": "1s",
            ]
            var variables = Dictionary(
                uniqueKeysWithValues: settings.map { ("FROST_POSTGRES_GATEWAY_\($0.key)", $0.value) }
            )
            variables["NOTIFY_SOCKET"] = directory.file("notify")
            variables.merge(environment) { _, new in new }
            let program = Checkout.program("postgres-gateway")
            let limited = fileDescriptors.map { ["--nofile=\($0):\($0)", "--", program, "run"] }
            try await Program.whileRunning(
                limited == nil ? program : "/usr/bin/prlimit",
                limited ?? ["run"],
                environment: variables,
                port: host.port,
                log: log ?? directory.file("gateway.log")
            ) { pid in
                try await BlockingExecutor.run {
                    var host = host
                    host.pid = pid
                    try await body(host)
                }
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await server?.stop()
        try outcome.get()
    }

    private static func writeEmptyRoutes(_ directory: TemporaryDirectory) throws {
        try directory.write(#"{ "version": 1, "routes": [] }"#, to: "routes.json")
    }

    @Test("Started without a route map: READY, not ready, says so everywhere; ready after a reload")
    func missingRouteMap() async throws {
        try await withGateway { host in
            let started = try host.systemd.receive { $0.hasPrefix("READY=1") }
            #expect(started.last?.contains("STATUS=not ready: ") == true, "\(started)")
            #expect(started.last?.hasSuffix("routes: 0") == true)
            let notReady = try await host.health()
            #expect(notReady.exitCode == 1)
            #expect(notReady.output.contains("route_map_missing"))
            #expect(try await host.health("--live").exitCode == 0)
            #expect(try host.log().contains { $0["message"]?.hasPrefix("could not load route map") == true })

            try Self.writeEmptyRoutes(host.directory)
            kill(host.pid, SIGHUP)
            let reloaded = try host.systemd.receive { $0.hasPrefix("READY=1") }
            #expect(reloaded.contains { $0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") })
            #expect(reloaded.last?.contains("STATUS=sessions: ") == true, "\(reloaded)")
            #expect(try await host.health().exitCode == 0)
        }
    }

    @Test("The watchdog gets its signs of life; a stop is told, with the time it may take")
    func watchdog() async throws {
        let prepare: (TemporaryDirectory, SelfSignedCertificate, Int?) throws -> Void = { directory, _, _ in
            try Self.writeEmptyRoutes(directory)
        }
        try await withGateway(environment: ["WATCHDOG_USEC": "200000"], prepare: prepare) { host in
            _ = try host.systemd.receive { $0.hasPrefix("WATCHDOG=1") }
            _ = try host.systemd.receive { $0.hasPrefix("WATCHDOG=1") }
            kill(host.pid, SIGTERM)
            let stopped = try host.systemd.receive { $0.hasPrefix("STOPPING=1") }
            #expect(stopped.last == "STOPPING=1\nEXTEND_TIMEOUT_USEC=16000000")
        }
    }

    @Test("Disabled: systemd is told READY, so that the exit is no start that failed")
    func disabled() async throws {
        let directory = try TemporaryDirectory("service")
        defer { directory.remove() }
        let systemd = try DatagramSocket(path: directory.file("notify"))
        let result = try await Command.run(
            Checkout.program("postgres-gateway"),
            ["run"],
            environment: ["NOTIFY_SOCKET": directory.file("notify")]
        )
        #expect(result.exitCode == 0)
        #expect(systemd.receive() == "READY=1\nSTATUS=disabled")
    }

    @Test("An expired certificate is a warning: it starts, says so and serves")
    func expiredCertificate() async throws {
        let prepare: (TemporaryDirectory, SelfSignedCertificate, Int?) throws -> Void = { directory, certificate, _ in
            try Self.writeEmptyRoutes(directory)
            try certificate.redate(notBefore: -200_000, notAfter: -100_000)
        }
        try await withGateway(prepare: prepare) { host in
            _ = try host.systemd.receive { $0.hasPrefix("READY=1") }
            #expect(try host.log().contains { $0["reason"] == "certificate_out_of_date" && $0["level"] == "warning" })
            #expect(try await host.health().output.contains("no_certificate_in_date"))
            let client = try RawConnection(port: host.port)
            try client.send([0, 0, 0, 8, 4, 210, 22, 47])
            #expect(try client.receive() == [UInt8(ascii: "S")])
        }
    }

    @Test("Out of file descriptors: told once, seen in readiness, and over when there are some again")
    func fileDescriptors() async throws {
        let prepare: (TemporaryDirectory, SelfSignedCertificate, Int?) throws -> Void = { directory, _, _ in
            try Self.writeEmptyRoutes(directory)
        }
        try await withGateway(fileDescriptors: 48, prepare: prepare) { host in
            var held = try (0..<60).map { _ in try RawConnection(port: host.port) }
            try await eventually("it is told") {
                try host.log().contains { $0["message"]?.hasPrefix("cannot accept connections") == true }
            }
            held = []
            let client = try RawConnection(port: host.port)
            try client.send([0, 0, 0, 8, 4, 210, 22, 47])
            #expect(try client.receive() == [UInt8(ascii: "S")])
            #expect(try await host.health().output.contains("accept_failing"))
            let lines = try host.log().count { $0["message"]?.hasPrefix("cannot accept connections") == true }
            #expect(lines <= 3, "not one for each try")
            _ = held
        }
    }

    @Test("A log that cannot be written is no reason to end")
    func fullLog() async throws {
        let prepare: (TemporaryDirectory, SelfSignedCertificate, Int?) throws -> Void = { directory, _, _ in
            try Self.writeEmptyRoutes(directory)
        }
        try await withGateway(log: "/dev/full", prepare: prepare) { host in
            for _ in 0..<3 {
                let client = try RawConnection(port: host.port)
                try client.send([0, 0, 0, 8, 4, 210, 22, 47])
                #expect(try client.receive() == [UInt8(ascii: "S")])
            }
            #expect(try await host.health().exitCode == 0)
        }
    }

    @Test(
        "psql through it while the certificate is exchanged; a second SIGTERM ends at once; the log tells all, and no secret"
    )
    func sessionOverReload() async throws {
        let prepare: (TemporaryDirectory, SelfSignedCertificate, Int?) throws -> Void = { directory, _, port in
            try directory.write(
                """
                { "version": 1, "routes": [ { "hostname": "main.pg.shop.localhost", "hostPort": \(port ?? 0),
                  "target": { "id": "dbt_main", "name": "main", "database": "shop", "project": "shop" } } ] }
                """,
                to: "routes.json"
            )
        }
        let environment = ["FROST_POSTGRES_GATEWAY_DRAIN_TIMEOUT": "1h"]
        try await withGateway(backend: true, environment: environment, prepare: prepare) { host in
            let connection =
                "host=main.pg.shop.localhost hostaddr=127.0.0.1 port=\(host.port) user=\(PostgresServer.user) "
                + "dbname=\(PostgresServer.database) sslmode=require application_name=very-secret-name"
            let fifo = host.directory.file("commands")
            try await Command.check("mkfifo", [fifo])
            async let session = Command.run(
                "psql",
                ["-XqAt", "-f", fifo, connection],
                environment: ["PGPASSWORD": PostgresServer.password]
            )
            // For both, so that opening waits for nobody.
            let commands = try #require(FileHandle(forUpdatingAtPath: fifo))
            try commands.write(contentsOf: Data("SELECT 'before';\n".utf8))
            try await eventually("the session is open") {
                try host.log().contains { $0["message"] == "session started" }
            }
            _ = try await SelfSignedCertificate.make(in: host.directory, for: ["*.pg.shop.localhost"])
            try await eventually("the new certificate is read, without a signal") {
                try host.log().contains { $0["message"] == "certificates loaded" }
            }
            try commands.write(contentsOf: Data("SELECT 'after';\n".utf8))
            try commands.close()
            let result = try await session
            #expect(result.output == "before\nafter\n", "\(result.errors)")

            // A session that would hold the stop up for an hour.
            let idle = try RawConnection(port: host.port)
            try idle.send([0, 0, 0, 8, 4, 210, 22, 47])
            #expect(try idle.receive() == [UInt8(ascii: "S")])
            kill(host.pid, SIGTERM)
            try await eventually("it is stopping") {
                try host.log().contains { $0["message"]?.hasPrefix("stopping") == true }
            }
            kill(host.pid, SIGTERM)
            #expect(try idle.receiveToEnd(toleratesReset: true).isEmpty)
            try await eventually("it has stopped") { try host.log().contains { $0["message"] == "stopped" } }

            let lines = try host.log()
            for line in lines {
                #expect(!line.text.contains("very-secret-name") && !line.text.contains(PostgresServer.password))
            }
            let start = try #require(lines.first { $0["message"] == "session started" })
            let end = try #require(
                lines.first { $0["message"] == "session ended" && $0["connection"] == start["connection"] }
            )
            for key in ["connection", "client", "hostname", "target"] {
                #expect(start[key] != nil && end[key] == start[key])
            }
            for key in ["outcome", "reason", "duration_ms", "bytes_in", "bytes_out"] { #expect(end[key] != nil) }
            #expect(end["target"] == "dbt_main")
            #expect(end["hostname"] == "main.pg.shop.localhost")
        }
    }
}
