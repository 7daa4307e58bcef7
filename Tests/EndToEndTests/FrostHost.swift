import Foundation
import NIOCore
import TestSupport

/// A host on which `frost` keeps branches, with a gateway in front of them.
struct FrostHost: Sendable {
    let directory: TemporaryDirectory
    let certificate: SelfSignedCertificate
    let port: Int
    /// Where its servers run.
    let runtime: Runtime
    /// Of containers; one for each host, since branches of the same names are on all of them.
    let network: String
    private let image: String
    private let hostPorts: String

    enum Runtime: String, CaseIterable, Sendable {
        case local
        case docker
    }

    /// Makes a host, does something with it, and removes every branch.
    static func run(_ runtime: Runtime = .local, _ body: @Sendable (FrostHost) async throws -> Void) async throws {
        let directory = try TemporaryDirectory("frost")
        defer { directory.remove() }
        let host = FrostHost(
            directory: directory,
            certificate: try await SelfSignedCertificate.make(in: directory, for: ["*.pg.shop.localhost"]),
            port: try await PostgresServer.freePort(),
            runtime: runtime,
            network: "frost-test-\(UUID().uuidString.prefix(8).lowercased())",
            image: runtime == .docker ? try await PostgresImage.tag() : "none",
            hostPorts: HostPorts.nextText()
        )
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(host)) } catch { outcome = .failure(error) }
        _ = try? await host.frost(["recover"])
        for database in (try? await host.list("database", as: [NamedThing].self)) ?? [] {
            _ = try? await host.frost(["database", "delete", database.id])
        }
        if runtime == .docker { _ = try? await Command.run("docker", ["network", "rm", host.network]) }
        try outcome.get()
    }

    struct NamedThing: Decodable, Sendable {
        var id: String
        var name: String
    }

    struct Branch: Decodable, Sendable {
        var id: String
        var name: String
        var database: String
        var status: String
        var reason: String?
        var hostname: String?
        var aliases: [Alias]
        var hostPort: Int

        struct Alias: Decodable, Sendable { var hostname: String }
    }

    var environment: [String: String] {
        [
            "FROST_DATA_DIR": directory.file("data"), "FROST_HOST_PORTS": hostPorts, "FROST_POSTGRES_IMAGE": image,
            "FROST_DOCKER_NETWORK": network,
        ]
    }

    /// Of all branches' data.
    var place: String { directory.file(runtime == .local ? "data/branches" : "data/containers") }

    /// The first process of a branch's server; of the runtime `local`.
    func postmaster(_ branch: Branch) throws -> String {
        let file = try String(contentsOfFile: "\(place)/\(branch.id)/data/postmaster.pid", encoding: .utf8)
        return String(file.prefix { $0 != "\n" })
    }

    // MARK: frost

    /// - Parameter program: the release build's, but where a test says why not.
    func frost(
        _ arguments: [String],
        environment more: [String: String] = [:],
        program: String = Checkout.program("frost")
    ) async throws -> Command.Result {
        try await Command.run(
            program,
            arguments,
            environment: environment.merging(more) { _, new in new }
        )
    }

    /// Runs a command that has to succeed.
    @discardableResult
    func check(_ arguments: String...) async throws -> String {
        try await Command.check(Checkout.program("frost"), arguments, environment: environment)
    }

    func list<Thing: Decodable>(_ what: String, as type: [Thing].Type) async throws -> [Thing] {
        let output = try await Command.check(
            Checkout.program("frost"),
            [what, "list", "--json"],
            environment: environment
        )
        return try JSONDecoder().decode(type, from: Data(output.utf8))
    }

    func branches() async throws -> [Branch] { try await list("branch", as: [Branch].self) }

    func branch(_ name: String) async throws -> Branch {
        guard let found = try await branches().first(where: { $0.name == name }) else {
            throw Command.Failure("there is no branch \(name)")
        }
        return found
    }

    /// A project `shop` with a database `shop`, whose branch `main` carries its own mark.
    func makeShop() async throws {
        try await check("project", "create", "shop")
        try await check("settings", "--wildcard-base", "localhost", "--gateway-port", String(port))
        try await makeDatabase()
    }

    func makeDatabase() async throws {
        try await check("database", "create", "shop", "--project", "shop", "--runtime", runtime.rawValue)
        try await direct(branch("main"), "CREATE TABLE mark AS SELECT 'main' AS branch")
    }

    /// What the store says to a query.
    func database(_ query: String) async throws -> String {
        try await Command.check(
            "python3",
            [
                "-c", "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall())",
                directory.file("data/frost.db"), query,
            ]
        )
    }

    /// Changes the store past frost.
    func write(_ statement: String) async throws {
        try await Command.check(
            "python3",
            [
                "-c",
                "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()",
                directory.file("data/frost.db"), statement,
            ]
        )
    }

    // MARK: Clients

    /// psql with the very string that `frost branch url` prints.
    func psql(_ branch: String, _ command: String) async throws -> Command.Result {
        let url = try await check("branch", "url", branch, "--database", "shop").trimmingCharacters(in: .newlines)
        return try await Command.run("psql", ["-XqAt", "-c", command, url])
    }

    func psql(url: String, _ command: String) async throws -> Command.Result {
        try await Command.run("psql", ["-XqAt", "-c", command, url])
    }

    func url(_ branch: String) async throws -> String {
        try await check("branch", "url", branch, "--database", "shop").trimmingCharacters(in: .newlines)
    }

    /// psql on the direct host port, past the gateway.
    @discardableResult
    func direct(_ branch: Branch, _ command: String) async throws -> String {
        let url = try await url(branch.name)
        let password = url.split(separator: "@")[0].split(separator: ":")[2]
        return try await Command.check(
            "psql",
            [
                "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", command,
                "host=127.0.0.1 port=\(branch.hostPort) user=frost dbname=shop",
            ],
            environment: ["PGPASSWORD": String(password)]
        ).trimmingCharacters(in: .newlines)
    }

    /// The SQLSTATE with which the gateway refuses a hostname: psql keeps none. nil when it does not.
    func refusal(of hostname: String) throws -> String? {
        let raw = try RawConnection(port: port)
        try raw.send(ByteBuffer.sslRequest.bytes)
        _ = try raw.receive(atMost: 1)
        let tls = try TLSConnection(raw, serverName: hostname)
        try tls.handshake()
        try tls.write(ByteBuffer.startup().bytes)
        let answer = try tls.read()
        guard answer.first == UInt8(ascii: "E") else { return nil }
        return String(decoding: answer, as: UTF8.self).firstMatch(of: /\0C([0-9A-Z]{5})\0/).map { String($0.1) }
    }

    // MARK: Gateway

    /// A gateway that reads frost's route map, as a unit of its own.
    func withGateway<Value: Sendable>(_ body: @Sendable (Int32) async throws -> Value) async throws -> Value {
        try await Program.whileRunning(
            Checkout.program("postgres-gateway"),
            ["run"],
            environment: [
                "FROST_POSTGRES_GATEWAY_ENABLED": "true",
                "FROST_POSTGRES_GATEWAY_PORT": String(port),
                "FROST_POSTGRES_GATEWAY_LISTEN_ADDRESS": "127.0.0.1",
                "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": "127.0.0.1:0",
                "FROST_POSTGRES_GATEWAY_ROUTE_FILE": directory.file("data/routes.json"),
                "FROST_POSTGRES_GATEWAY_CERT_FILE": certificate.certFile,
                "FROST_POSTGRES_GATEWAY_KEY_FILE": certificate.keyFile,
                "FROST_POSTGRES_GATEWAY_DRAIN_TIMEOUT": "1s",
            ],
            port: port,
            log: directory.file("gateway.log"),
            body
        )
    }
}
