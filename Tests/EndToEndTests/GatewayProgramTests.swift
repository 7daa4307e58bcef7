import Foundation
import TestSupport
import Testing

/// The program itself, as an operator starts it: what it says and how it exits.
@Suite struct GatewayProgramTests {
    private func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Command.Result {
        try await Command.run(Checkout.program("postgres-gateway"), arguments, environment: environment)
    }

    /// A directory with a pair of a certificate and a key, and the options that name them.
    private func withFiles(
        _ body: (TemporaryDirectory, SelfSignedCertificate, [String]) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory("program")
        defer { directory.remove() }
        let pair = try await SelfSignedCertificate.make(in: directory, for: ["*.example"])
        let options = [
            "--route-file", directory.file("routes.json"), "--cert-file", pair.certFile, "--key-file", pair.keyFile,
            "--listen-address", "127.0.0.1", "--admin-address", "127.0.0.1:0", "--port", "0",
        ]
        try await body(directory, pair, options)
    }

    /// The lines for people, beside those of the log.
    private func complaints(_ result: Command.Result) -> [Substring] {
        result.errors.split(separator: "\n").filter { !$0.hasPrefix("{") }
    }

    @Test("Disabled: one line, exit 0; whatever else is set")
    func disabled() async throws {
        for environment in [[:], ["FROST_POSTGRES_GATEWAY_ENABLED": "false", "FROST_POSTGRES_GATEWAY_PORT": "x"]] {
            let result = try await run(["run"], environment: environment)
            #expect(result.exitCode == 0)
            #expect(result.errors.contains("FROST_POSTGRES_GATEWAY_ENABLED=true"))
            #expect(result.errors.split(separator: "\n").count == 1)
        }
    }

    @Test(
        "A setting that cannot be used: one line that names it, exit 78, of run and of check",
        arguments: [
            ([], "FROST_POSTGRES_GATEWAY_ROUTE_FILE"), (["--route-file", "/r"], "FROST_POSTGRES_GATEWAY_CERT_FILE"),
            (["--route-file", "/r", "--cert-file", "/c"], "FROST_POSTGRES_GATEWAY_KEY_FILE"),
            (["--route-file", "/r", "--key-file", "/k"], "FROST_POSTGRES_GATEWAY_CERT_FILE"),
            (["--route-file", "/r", "--cert-file", "/none.crt", "--key-file", "/none.key"], "/none.crt"),
            (["--route-file", "/r", "--cert-dir", "/none", "--port", "70000"], "FROST_POSTGRES_GATEWAY_PORT"),
            (["--route-file", "/r", "--cert-dir", "/none"], "/none"),
            (
                ["--route-file", "/r", "--cert-dir", "/c", "--listen-address", "x"],
                "FROST_POSTGRES_GATEWAY_LISTEN_ADDRESS"
            ),
            (
                ["--route-file", "/r", "--cert-dir", "/c", "--admin-address", "x"],
                "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS"
            ),
            (["--route-file", "/r", "--cert-dir", "/c", "--log-level", "x"], "FROST_POSTGRES_GATEWAY_LOG_LEVEL"),
            (["--route-file", "/r", "--cert-dir", "/c", "--log-format", "x"], "FROST_POSTGRES_GATEWAY_LOG_FORMAT"),
            (
                ["--route-file", "/r", "--cert-dir", "/c", "--max-connections", "0"],
                "FROST_POSTGRES_GATEWAY_MAX_CONNECTIONS"
            ),
            (
                ["--route-file", "/r", "--cert-dir", "/c", "--max-handshakes", "0"],
                "FROST_POSTGRES_GATEWAY_MAX_HANDSHAKES"
            ),
            (
                ["--route-file", "/r", "--cert-dir", "/c", "--handshake-timeout", "0"],
                "FROST_POSTGRES_GATEWAY_HANDSHAKE_TIMEOUT"
            ),
            (
                ["--route-file", "/r", "--cert-dir", "/c", "--connect-timeout", "0"],
                "FROST_POSTGRES_GATEWAY_CONNECT_TIMEOUT"
            ),
            (
                ["--route-file", "/r", "--cert-dir", "/c", "--drain-timeout", "x"],
                "FROST_POSTGRES_GATEWAY_DRAIN_TIMEOUT"
            ),
        ]
    )
    func badSettings(arguments: [String], named: String) async throws {
        for command in [["run", "--enabled"], ["check"]] {
            let result = try await run(command + arguments)
            #expect(result.exitCode == 78)
            #expect(result.errors.contains(named), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        }
        let bad = try await run(["run"], environment: ["FROST_POSTGRES_GATEWAY_ENABLED": "perhaps"])
        #expect(bad.exitCode == 78)
        #expect(bad.errors.contains("FROST_POSTGRES_GATEWAY_ENABLED"))
    }

    @Test("Certificates and keys that cannot be used: one line that names the file, exit 78")
    func badCertificates() async throws {
        try await withFiles { directory, pair, options in
            let other = try await SelfSignedCertificate.make(in: directory, name: "other", for: ["*.example"])
            try directory.write("nonsense", to: "nonsense")
            let unreadable = directory.file("directory")
            try await Command.check("mkdir", [unreadable])
            let cases: [([String], [String])] = [
                (["--cert-file", directory.file("nonsense")], [directory.file("nonsense"), "no PEM certificate"]),
                (["--key-file", directory.file("nonsense")], [directory.file("nonsense"), "private key"]),
                (["--key-file", other.keyFile], [pair.certFile, other.keyFile, "does not match"]),
                (["--cert-file", unreadable], [unreadable, "cannot be read"]),
                (["--key-file", directory.file("none")], [directory.file("none"), "cannot be read"]),
            ]
            for (changed, named) in cases {
                for command in [["run", "--enabled"], ["check"]] {
                    // The last one of an option counts.
                    let result = try await run(command + options + changed)
                    #expect(result.exitCode == 78)
                    #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
                    for name in named { #expect(result.errors.contains(name), "\(result.errors)") }
                }
            }
        }
    }

    @Test("A flag wins over its variable")
    func precedence() async throws {
        let environment = ["FROST_POSTGRES_GATEWAY_ENABLED": "true", "FROST_POSTGRES_GATEWAY_PORT": "70000"]
        let result = try await run(
            ["run", "--route-file", "/r", "--cert-dir", "/none", "--port", "0"],
            environment: environment
        )
        #expect(result.errors.contains("/none"), "\(result.errors)")
        let disabled = try await run(["run", "--no-enabled"], environment: environment)
        #expect(disabled.exitCode == 0)
    }

    @Test("Help, version, and what is no option")
    func usage() async throws {
        #expect(try await run(["run", "--listen"]).exitCode == 64)
        let help = try await run(["run", "--help"]).output
        for part in ["--route-file", "--max-unauthenticated-per-address", "default: 4096", "168h; 0: none"] {
            #expect(help.contains(part))
        }
        for command in ["run", "check", "health", "version"] {
            #expect(try await run(["--help"]).output.contains("  \(command) "))
            #expect(try await run([command, "--help"]).exitCode == 0)
        }
        for arguments in [["version"], ["--version"]] {
            #expect(try await run(arguments).output.hasPrefix("postgres-gateway "))
        }
    }

    @Test("A port in use: exit 98, with the port and the variable that moves it; the admin address alike")
    func portInUse() async throws {
        try await withFiles { _, _, options in
            let holder = try RawListener()
            let cases = [
                (["--port", String(holder.port)], "FROST_POSTGRES_GATEWAY_PORT", "PostgreSQL server"),
                (["--admin-address", "127.0.0.1:\(holder.port)"], "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS", "gateway"),
            ]
            for (changed, variable, holding) in cases {
                let result = try await run(["run", "--enabled"] + options + changed)
                #expect(result.exitCode == 98)
                let lines = complaints(result)
                #expect(lines.count == 1)
                for part in ["port \(holder.port)", variable, holding] {
                    #expect(lines.first?.contains(part) == true, "\(result.errors)")
                }
            }
        }
    }

    @Test("An address the host does not have: told, and an exit code after which systemd tries again")
    func unavailable() async throws {
        try await withFiles { _, _, options in
            let result = try await run(["run", "--enabled"] + options + ["--listen-address", "192.0.2.1"])
            #expect(result.exitCode == 1)
            #expect(
                complaints(result).first?.contains("FROST_POSTGRES_GATEWAY_LISTEN_ADDRESS") == true,
                "\(result.errors)"
            )
        }
    }

    @Test("One bad pair in a certificate directory: check says so, run serves with the others")
    func certificateDirectory() async throws {
        try await withFiles { directory, _, options in
            let certificates = try directory.directory("certificates")
            _ = try await SelfSignedCertificate.make(in: certificates, name: "a.example", for: ["a.example"])
            try certificates.write("nonsense", to: "b.example.crt")
            let options = [
                "--cert-dir", certificates.path, "--route-file", directory.file("routes.json"), "--listen-address",
                "127.0.0.1",
                "--admin-address", "127.0.0.1:0",
            ]
            let check = try await run(["check"] + options)
            #expect(check.exitCode == 78)
            #expect(check.errors.contains(certificates.file("b.example.crt")))
            let port = try await PostgresServer.freePort()
            let log = directory.file("gateway.log")
            try await Program.whileRunning(
                Checkout.program("postgres-gateway"),
                ["run", "--enabled", "--port", String(port)] + options,
                port: port,
                log: log
            ) { _ in }
            #expect(try String(contentsOfFile: log, encoding: .utf8).contains(certificates.file("b.example.crt")))
        }
    }

    @Test("check: what is good, what is warned of, and with --strict is a fault")
    func check() async throws {
        try await withFiles { directory, pair, options in
            let missing = try await run(["check"] + options)
            #expect(missing.exitCode == 0)
            #expect(complaints(missing).count == 1)
            #expect(missing.errors.contains("routes.json does not exist yet"))
            #expect(missing.output.contains("ok: disabled"))
            #expect(try await run(["check", "--strict"] + options).exitCode == 78)

            try directory.write(#"{ "version": 1, "routes": [] }"#, to: "routes.json")
            let good = try await run(["check", "--strict", "--enabled"] + options)
            #expect(good.exitCode == 0)
            #expect(good.errors.isEmpty)
            #expect(good.output == "ok: port 0, 1 certificate, 0 routes\n")

            try directory.write(#"{ "version": 1, "routes": [ { "hostname": "a" } ] }"#, to: "routes.json")
            let fault = try await run(["check"] + options)
            #expect(fault.exitCode == 78)
            #expect(fault.errors.contains("routes.json: line 1: routes[0]."), "\(fault.errors)")

            func route(_ name: String) -> String {
                #"{ "hostname": "\#(name).example", "hostPort": 10001, "target": "#
                    + #"{ "id": "\#(name)", "name": "\#(name)", "database": "d", "project": "p" } }"#
            }
            for (text, warning) in [
                (#""routes": [\#(route("a")), \#(route("b"))]"#, "127.0.0.1:10001 (a.example, b.example)"),
                (
                    #""routes": [], "confirmedAt": "2026-01-01T00:00:00Z", "validForSeconds": 300"#,
                    "was confirmed at 2026-01-01T00:00:00Z for 300 s"
                ),
            ] {
                try directory.write(#"{ "version": 1, \#(text) }"#, to: "routes.json")
                let warned = try await run(["check"] + options)
                #expect(warned.exitCode == 0)
                #expect(complaints(warned).count == 1)
                #expect(warned.errors.contains(warning), "\(warned.errors)")
                #expect(try await run(["check", "--strict"] + options).exitCode == 78)
            }

            try directory.write(#"{ "version": 1, "routes": [] }"#, to: "routes.json")
            try pair.redate(notBefore: -200_000, notAfter: -100_000)
            let expired = try await run(["check"] + options)
            #expect(expired.exitCode == 0)
            #expect(expired.errors.contains("warning: the certificate in \(pair.certFile) expired at"))
        }
    }

    @Test("check --strict: variables that are misspelt, hostnames that no certificate covers")
    func strict() async throws {
        try await withFiles { directory, _, options in
            try directory.write(#"{ "version": 1, "routes": [] }"#, to: "routes.json")
            let misspelt = ["FROST_POSTGRES_GATEWAY_MAX_CONECTIONS": "7"]
            let told = try await run(["check"] + options, environment: misspelt)
            #expect(told.exitCode == 0)
            #expect(complaints(told).count == 1)
            #expect(told.errors.contains("did you mean FROST_POSTGRES_GATEWAY_MAX_CONNECTIONS?"), "\(told.errors)")
            #expect(try await run(["check", "--strict"] + options, environment: misspelt).exitCode == 78)
            let unset = try await run(["check"], environment: ["FROST_POSTGRES_GATEWAY_ROUTES_FILE": "/r"])
            #expect(unset.exitCode == 78)
            #expect(unset.errors.contains("did you mean FROST_POSTGRES_GATEWAY_ROUTE_FILE?"), "\(unset.errors)")
            let many = ["FROST_POSTGRES_GATEWAY_MAX_CONNECTIONS": "10000000"]
            #expect(try await run(["check", "--strict"] + options, environment: many).exitCode == 78)

            let target = #"{ "id": "a", "name": "a", "database": "d", "project": "p" }"#
            try directory.write(
                #"{ "version": 1, "routes": [], "stopped": [ { "hostname": "a.other", "target": \#(target) } ] }"#,
                to: "routes.json"
            )
            let uncovered = try await run(["check", "--strict"] + options)
            #expect(uncovered.exitCode == 78)
            #expect(
                uncovered.errors.contains("no certificate covers 1 hostname of the route map"),
                "\(uncovered.errors)"
            )
            #expect(uncovered.errors.contains("a.other"))
        }
    }

    @Test("run warns of variables that are misspelt, and says once with how many sessions it makes do")
    func warnings() async throws {
        try await withFiles { directory, _, options in
            let port = try await PostgresServer.freePort()
            let log = directory.file("gateway.log")
            try await Program.whileRunning(
                "/usr/bin/prlimit",
                ["--nofile=1000:1000", Checkout.program("postgres-gateway"), "run", "--enabled"] + options
                    + ["--port", String(port)],
                environment: ["FROST_POSTGRES_GATEWAY_IDLE_TIME_OUT": "1s"],
                port: port,
                log: log
            ) { _ in }
            let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
            let warned = lines.filter { $0.contains("did you mean FROST_POSTGRES_GATEWAY_IDLE_TIMEOUT?") }
            #expect(warned.count == 1)
            #expect(warned.first?.contains(#""level":"warning""#) == true)
            let lowered = lines.filter { $0.contains("the limit of 1000 open files allows") }
            #expect(lowered.count == 1)
            #expect(lowered.first?.contains(#""level":"info""#) == true)
        }
    }

    @Test("The admin address answers while the process has no file descriptor left")
    func exhausted() async throws {
        try await withFiles { directory, _, options in
            try directory.write(#"{ "version": 1, "routes": [] }"#, to: "routes.json")
            let (port, admin) = (try await PostgresServer.freePort(), try await PostgresServer.freePort())
            try await Program.whileRunning(
                "/usr/bin/prlimit",
                ["--nofile=96:96", Checkout.program("postgres-gateway"), "run", "--enabled"] + options
                    + ["--port", String(port), "--admin-address", "127.0.0.1:\(admin)"],
                port: port,
                log: directory.file("gateway.log")
            ) { _ in
                try await BlockingExecutor.run {
                    let silent = try (0..<150).map { _ in try RawConnection(port: port) }
                    // Full once the log says so.
                    let deadline = ContinuousClock.now + .seconds(20)
                    let log = directory.file("gateway.log")
                    while try !String(contentsOfFile: log, encoding: .utf8).contains("cannot accept connections") {
                        guard ContinuousClock.now < deadline else { throw Command.Failure("it is never full") }
                        await Task.yield()
                    }
                    for path in ["/readyz", "/healthz", "/metrics", "/sessions"] {
                        let connection = try RawConnection(port: admin)
                        try connection.send(Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
                        let answer = String(decoding: try connection.receiveToEnd(toleratesReset: true), as: UTF8.self)
                        #expect(answer.hasPrefix("HTTP/1.1 200 "), "\(path): \(answer)")
                        if path == "/readyz" { #expect(answer.contains("accept_failing")) }
                    }
                    withExtendedLifetime(silent) {}
                }
            }
        }
    }

    @Test("health without a gateway: one line that names the address, exit 1")
    func noGateway() async throws {
        let port = try await PostgresServer.freePort()
        let result = try await run(
            ["health"],
            environment: ["FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": "127.0.0.1:\(port)"]
        )
        #expect(result.exitCode == 1)
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(result.errors.contains("127.0.0.1:\(port)"))
        #expect(try await run(["health", "--admin-address", "x"]).exitCode == 78)
    }
}
