import Foundation
import NIOCore
import NIOPosix
import TestSupport

/// A gateway with a branch in each state that a client may meet, and one that waits for little.
struct SymptomHost: Sendable {
    let directory: TemporaryDirectory
    let certificate: SelfSignedCertificate
    let server: PostgresServer
    let port: Int
    /// A gateway that does not wait long for a login, and allows one failed one.
    let strictPort: Int
    /// Accepts connections and never answers.
    let silentPort: Int
    /// Nothing listens here.
    let closedPort: Int

    static let domain = "pg.shop.example.net"

    static func run<Value: Sendable>(_ body: @Sendable (SymptomHost) async throws -> Value) async throws -> Value {
        let directory = try TemporaryDirectory("symptoms")
        defer { directory.remove() }
        let certificate = try await SelfSignedCertificate.make(in: directory, for: ["*.\(domain)"])
        let silent = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelOption(.autoRead, value: false)
            .bind(host: "127.0.0.1", port: 0).get()
        let server = try await PostgresServer.start(.debian(), name: "dev", in: directory)
        let outcome: Result<Value, any Error>
        do {
            let host = SymptomHost(
                directory: directory,
                certificate: certificate,
                server: server,
                port: try await PostgresServer.freePort(),
                strictPort: try await PostgresServer.freePort(),
                silentPort: silent.localAddress?.port ?? 0,
                closedPort: try await PostgresServer.freePort()
            )
            try directory.write(host.routes(), to: "routes.json")
            outcome = .success(
                try await host.whileRunning(host.port, name: "gateway") {
                    try await host.whileRunning(
                        host.strictPort,
                        name: "strict",
                        ["AUTHENTICATION_TIMEOUT": "3s", "MAX_AUTHENTICATION_FAILURES": "1"]
                    ) { try await body(host) }
                }
            )
        } catch {
            outcome = .failure(error)
        }
        try await silent.close()
        try await server.stop()
        return try outcome.get()
    }

    private func whileRunning<Value: Sendable>(
        _ port: Int,
        name: String,
        _ settings: [String: String] = [:],
        _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        try await Program.whileRunning(
            Checkout.program("postgres-gateway"),
            ["run"],
            environment: environment(port).merging(
                settings.map { ("FROST_POSTGRES_GATEWAY_\($0)", $1) },
                uniquingKeysWith: { $1 }
            ),
            port: port,
            log: directory.file("\(name).log")
        ) { _ in try await body() }
    }

    func environment(_ port: Int) -> [String: String] {
        let settings = [
            "ENABLED": "true", "PORT": String(port), "LISTEN_ADDRESS": "127.0.0.1", "ADMIN_ADDRESS": "127.0.0.1:0",
            "ROUTE_FILE": directory.file("routes.json"), "CERT_FILE": certificate.certFile,
            "KEY_FILE": certificate.keyFile, "DRAIN_TIMEOUT": "1s",
        ]
        return Dictionary(uniqueKeysWithValues: settings.map { ("FROST_POSTGRES_GATEWAY_\($0)", $1) })
    }

    /// - Parameter head: keys beside `version`.
    func routes(_ head: String = "") -> String {
        func target(_ name: String) -> String {
            #""target": { "id": "dbt_\#(name)", "name": "\#(name)", "database": "shop", "project": "shop" }"#
        }
        func route(_ name: String, _ port: Int, _ more: String = "") -> String {
            #"{ "hostname": "\#(name).\#(Self.domain)", "hostPort": \#(port), \#(more) \#(target(name)) }"#
        }
        let shared = #""sharedAddress": true,"#
        let routes = [
            route("dev", server.port, shared), route("busy", server.port, #""maxConnections": 1, \#(shared)"#),
            route("down", closedPort), route("silent", silentPort, shared),
            // Two branches that claim one address.
            route("one", 1), route("two", 1),
        ]
        return #"""
            { "version": 1, \#(head) "routes": [\#(routes.joined(separator: ","))],
              "stopped": [{ "hostname": "qa.\#(Self.domain)", \#(target("qa")) }] }
            """#
    }

    /// Runs psql, and gives what it prints on standard error.
    func psql(
        _ branch: String,
        port: Int? = nil,
        _ changes: [String: String] = [:],
        password: String = PostgresServer.password,
        running statement: String = "SELECT 1"
    ) async throws -> String {
        var options = [
            "host": "\(branch).\(Self.domain)", "hostaddr": "127.0.0.1", "port": String(port ?? self.port),
            "user": PostgresServer.user, "dbname": PostgresServer.database, "sslmode": "require",
            "connect_timeout": "60",
        ]
        options.merge(changes) { $1 }
        let connection = options.map { "\($0)='\($1)'" }.joined(separator: " ")
        return try await Command.run(
            "psql",
            ["-XqAt", "-c", statement, connection],
            environment: ["PGPASSWORD": password, "LC_ALL": "C"]
        ).errors
    }

    /// Waits until a session sleeps at the server.
    func untilSleeping() async throws {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        try await eventually("a session sleeps") { try await server.psql([query]) == "1\n" }
    }

    /// The text as a user elsewhere would see it: the documentation's address and PostgreSQL's own port.
    static func normalize(_ text: String) -> String {
        text.trimmingCharacters(in: .newlines)
            .replacing("127.0.0.1", with: "203.0.113.7")
            .replacing(/port( =)? \d+/) { "port\($0.output.1 ?? "") 5432" }
            .replacing(/sport = :\d+/) { _ in "sport = :5432" }
    }
}
