import Foundation
import TestSupport

/// Something that a client says, and the section of docs/symptoms.md that quotes it.
struct Symptom: Sendable {
    var section: String
    var client: String
    var produce: @Sendable (SymptomHost) async throws -> String

    init(_ section: String, _ client: String, _ produce: @escaping @Sendable (SymptomHost) async throws -> String) {
        self.section = section
        self.client = client
        self.produce = produce
    }

    /// The one that changes the route map comes last.
    static let all = reachability + names + drivers + states + logins + certificates + operators + unconfirmed

    // MARK: Before the gateway answers

    private static let reachability = [
        Symptom("Connection refused", "psql") { try await $0.psql("dev", port: $0.closedPort) },
        Symptom("Timeout expired", "psql") { host in
            try await host.psql("dev", port: host.silentPort, ["connect_timeout": "2"])
        },
        // Without a network no name is resolved; the reason at the end differs by resolver.
        Symptom("Name not resolved", "psql") { host in
            let connection = "host=dev.\(SymptomHost.domain) user=frost dbname=shop"
            return try await Command.run(
                "unshare",
                ["--map-root-user", "--net", "psql", "-XqAt", "-c", "SELECT 1", connection],
                environment: ["LC_ALL": "C"]
            ).errors
        },
        Symptom("Name not resolved", "asyncpg") { host in
            let program = """
                import asyncio, asyncpg, sys
                try: asyncio.run(asyncpg.connect(host='dev.\(SymptomHost.domain)', user='frost', password='x', database='shop'))
                except OSError as error: print(f'socket.{type(error).__name__}: {error}', file=sys.stderr)
                """
            let python = "\(Checkout.root)/.build-compat/venv/bin/python"
            return try await Command.run("unshare", ["--map-root-user", "--net", python, "-c", program]).errors
        },
    ]

    // MARK: The server name

    private static let names = [
        Symptom("TLS is required", "psql") { try await $0.psql("dev", ["sslmode": "disable"]) },
        Symptom("No server name", "psql") { try await $0.psql("dev", ["sslsni": "0"]) },
        Symptom("No branch has the hostname", "psql") { try await $0.psql("old") },
        Symptom("No branch has the hostname", "psycopg") { host in
            try await python(
                host,
                """
                import psycopg, sys
                try: psycopg.connect(sys.argv[1])
                except psycopg.OperationalError as error: print(error, file=sys.stderr)
                """
            )
        },
        Symptom("No branch has the hostname", "asyncpg") { host in
            try await python(
                host,
                """
                import asyncio, asyncpg, socket, sys
                words = dict(word.split('=') for word in sys.argv[1].split())
                find = socket.getaddrinfo
                socket.getaddrinfo = lambda name, *rest, **more: find('127.0.0.1', *rest, **more)
                async def main():
                    try:
                        await asyncpg.connect(host=words['host'], port=int(words['port']), user='frost', password='x',
                                              database='shop', ssl='require')
                    except asyncpg.PostgresError as error:
                        print(f'asyncpg.exceptions.{type(error).__name__}: {error}', file=sys.stderr)
                asyncio.run(main())
                """
            )
        },
    ]

    private static func python(_ host: SymptomHost, _ program: String) async throws -> String {
        try await Command.run(
            "\(Checkout.root)/.build-compat/venv/bin/python",
            [
                "-c", program,
                "host=old.\(SymptomHost.domain) hostaddr=127.0.0.1 port=\(host.port) user=frost dbname=shop sslmode=require",
            ]
        ).errors
    }

    // MARK: The state of the branch

    private static let states = [
        Symptom("The branch is stopped", "psql") { try await $0.psql("qa") },
        Symptom("The branch is not accepting connections", "psql") { try await $0.psql("down") },
        Symptom("The branch shares its address", "psql") { try await $0.psql("one") },
        Symptom("The connection is terminated", "psql") { host in
            async let text = host.psql("dev", running: "SELECT pg_sleep(600)")
            try await host.untilSleeping()
            let query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            try await host.server.psql([query])
            return try await text
        },
        Symptom("Too many connections", "psql") { host in
            async let first = host.psql("busy", running: "SELECT pg_sleep(600)")
            try await host.untilSleeping()
            let text = try await host.psql("busy")
            let query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            try await host.server.psql([query])
            _ = try await first
            return text
        },
    ]

    // MARK: The login

    private static let logins = [
        Symptom("Password authentication failed", "psql") { try await $0.psql("dev", password: "wrong") },
        Symptom("Too many failed logins", "psql") { host in
            _ = try await host.psql("dev", port: host.strictPort, password: "wrong")
            return try await host.psql("dev", port: host.strictPort)
        },
        Symptom("The login takes too long", "psql") { try await $0.psql("silent", port: $0.strictPort) },
        Symptom("Channel binding is required", "psql") { try await $0.psql("dev", ["channel_binding": "require"]) },
    ]

    // MARK: verify-full

    private static let certificates = [
        Symptom("The certificate is not trusted", "psql") { host in
            let other = try await SelfSignedCertificate.make(in: host.directory, name: "other", for: ["example.org"])
            return try await host.psql("dev", ["sslmode": "verify-full", "sslrootcert": other.certFile])
        },
        Symptom("The certificate does not match the hostname", "psql") { host in
            try await host.psql(
                "dev",
                [
                    "host": "dev.pg.crm.example.net", "sslmode": "verify-full",
                    "sslrootcert": host.certificate.certFile,
                ]
            )
        },
    ]

    // MARK: On the host

    private static let operators = [
        Symptom("The port is in use", "postgres-gateway") { host in
            try await gateway(["run"], host.environment(host.port))
        },
        Symptom("A setting is missing", "postgres-gateway") { host in
            var environment = host.environment(0)
            environment["FROST_POSTGRES_GATEWAY_ROUTE_FILE"] = ""
            return try await gateway(["check"], environment)
        },
        Symptom("No gateway responds", "postgres-gateway") { host in
            try await gateway(["health"], ["FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": "127.0.0.1:\(host.closedPort)"])
        },
    ]

    private static func gateway(_ arguments: [String], _ environment: [String: String]) async throws -> String {
        let result = try await Command.run(
            Checkout.program("postgres-gateway"),
            arguments,
            environment: environment.merging(["FROST_POSTGRES_GATEWAY_LOG_LEVEL": "critical"]) { $1 }
        )
        return result.errors
    }

    // MARK: The route map

    private static let unconfirmed = [
        Symptom("The route map is no longer confirmed", "psql") { host in
            let head = #""confirmedAt": "2026-01-01T00:00:00Z", "validForSeconds": 60,"#
            try host.directory.write(host.routes(head), to: "routes.json")
            var text = ""
            try await eventually("the route map is no longer confirmed") {
                text = try await host.psql("dev")
                return text.contains("confirmed")
            }
            return text
        }
    ]
}
