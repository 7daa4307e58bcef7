import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// Every driver has the gateway's certificate checked, with the strings that the product prints.
@Suite struct VerifyFullTests {
    private struct Connections: Decodable {
        struct Connection: Decodable {
            var sslMode: String?
            var sslRootCert: String?
            var snippets: [Snippet]
        }
        struct Snippet: Codable {
            var kind: String
            var text: String
            var url: String?
        }
        var externalVerifyFull: Connection?
    }

    /// The tabs of the page.
    static let kinds = [
        "url", "psql", "env", "node", "jdbc", "python", "sqlalchemy", "django", "go", "activerecord",
    ]
    /// Every driver that a URL is given to.
    private static let drivers = ["psql", "psycopg2", "psycopg", "asyncpg", "node-pg", "pgx"]

    /// Under .localhost programs say where this host is. Other names are looked up.
    @Test(
        "The own CA: connects; refuses a name that the certificate has not, and a CA that it does not know",
        arguments: ["localhost", "frost.test"]
    )
    func ownCA(base: String) async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.check("settings", "--wildcard-base", base, "--yes")
            try await host.withOwnCertificates { _ in
                let authority = host.directory.file("downloaded.crt")
                try await download(host, to: authority)
                let snippets = try await snippets(host, root: "frost-ca.crt")
                let name = "main.pg.shop.\(base)"
                let place = base == "localhost" ? [] : ["--add-host", "\(name):127.0.0.1"]
                // As soon as the gateway has the certificate of the name.
                let url = try await host.check("branch", "url", "main", "--database", "shop", "--verify-full")
                    .trimmingCharacters(in: .newlines)
                #expect(url.contains("sslmode=verify-full&sslrootcert=/"), "a path for whoever is on this host")
                try await eventually("psql connects with what the CLI prints") {
                    try await answers(url)
                }

                let connected = try await run(snippets, ["--expected", "shop", "--ca", authority] + place, host)
                for driver in Self.drivers {
                    #expect(connected.contains("url, \(driver): ok\n"), "\(driver): \(connected)")
                }

                let stranger = try await SelfSignedCertificate.make(
                    in: host.directory,
                    name: "stranger",
                    for: ["ca.frost.test"]
                )
                _ = try await run(snippets, ["--refuses", "issuer", "--ca", stranger.certFile] + place, host)

                // The same route map and CA, with a certificate for another project.
                try await withOtherName(host, base: base) { port in
                    let moved = snippets.map { snippet in
                        Connections.Snippet(
                            kind: snippet.kind,
                            text: snippet.text.replacing(String(host.port), with: String(port)),
                            url: snippet.url?.replacing(String(host.port), with: String(port))
                        )
                    }
                    _ = try await run(moved, ["--refuses", "name", "--ca", authority] + place, host)
                }
            }
        }
    }

    @Test("An operator's certificates, of a CA that the drivers' systems know: connects")
    func operatorsCertificates() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { _ in
                try await host.answers()
                let snippets = try await snippets(host, root: "system")
                let trusted = host.certificate.certFile
                _ = try await run(snippets, ["--expected", "shop", "--trusted", trusted], host)
                let printed = try await host.check(
                    "branch",
                    "url",
                    "main",
                    "--database",
                    "shop",
                    "--verify-full",
                    "--json"
                )
                #expect(
                    printed.contains(#""sslmode" : "verify-full""#) && printed.contains(#""sslrootcert" : "system""#)
                )
            }
        }
    }

    // MARK: Parts

    private func answers(_ url: String) async throws -> Bool {
        let environment = ["PGHOSTADDR": "127.0.0.1"]
        return try await Command.run("psql", ["-XqAt", "-c", "SELECT branch FROM mark", url], environment: environment)
            .output == "main\n"
    }

    /// What the link on the page leads to.
    private func download(_ host: FrostHost, to path: String) async throws {
        let api = try await host.api()
        try await Command.check("curl", ["-fsS", "-o", path, "\(api.address)/ca.crt"])
    }

    private func snippets(_ host: FrostHost, root: String) async throws -> [Connections.Snippet] {
        let main = try await host.branch("main")
        let databases = try await host.list("database", as: [FrostHost.NamedThing].self)
        let database = try #require(databases.first).id
        let answer = try await host.api().send(.GET, "databases/\(database)/targets/\(main.id)/connections")
        let connection = try #require(try answer.decode(Connections.self).externalVerifyFull)
        #expect(connection.sslMode == "verify-full")
        #expect(connection.sslRootCert == root)
        return connection.snippets
    }

    /// - Returns: a line of each driver, and of each snippet.
    private func run(
        _ snippets: [Connections.Snippet],
        _ arguments: [String],
        _ host: FrostHost
    ) async throws -> String {
        try host.directory.write(String(decoding: JSONEncoder().encode(snippets), as: UTF8.self), to: "snippets.json")
        let tried = try await Command.run(
            "python3",
            ["scripts/snippets_test.py"] + arguments + [host.directory.file("snippets.json")]
        )
        #expect(tried.exitCode == 0, "\(arguments): \(tried.output) \(tried.errors)")
        for kind in Self.kinds {
            #expect(tried.output.contains("\(kind): ok\n"), "\(arguments), \(kind): \(tried.output)")
        }
        return tried.output
    }

    /// A second gateway on frost's route map, whose certificate is the own CA's and not for the branch's name.
    private func withOtherName(
        _ host: FrostHost,
        base: String,
        _ body: @Sendable (Int) async throws -> Void
    ) async throws {
        let (certificate, key) = (host.directory.file("other.crt"), host.directory.file("other.key"))
        let authority = host.directory.file("data/ca/ca")
        let script = """
            set -e
            openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=other \
                -addext 'subjectAltName=DNS:*.pg.other.\(base)' -keyout "$2" -out "$1.csr"
            openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -copy_extensions copy -days 30 -out "$1"
            """
        try await Command.check("sh", ["-c", script, "sh", certificate, key, authority])
        let port = try await PostgresServer.freePort()
        try await Program.whileRunning(
            Checkout.program("postgres-gateway"),
            ["run"],
            environment: [
                "FROST_POSTGRES_GATEWAY_ENABLED": "true",
                "FROST_POSTGRES_GATEWAY_PORT": String(port),
                "FROST_POSTGRES_GATEWAY_LISTEN_ADDRESS": "127.0.0.1",
                "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": "127.0.0.1:0",
                "FROST_POSTGRES_GATEWAY_ROUTE_FILE": host.directory.file("data/routes.json"),
                "FROST_POSTGRES_GATEWAY_CERT_FILE": certificate,
                "FROST_POSTGRES_GATEWAY_KEY_FILE": key,
            ],
            port: port,
            log: host.directory.file("other.log")
        ) { _ in try await body(port) }
    }
}
