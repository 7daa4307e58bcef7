import Foundation
import Logging
import PostgresGateway
import RouteMap
import RouteSync
import TestSupport
import Testing

/// A host that runs Frost: its database, its containers (servers that say whose they are), `frost sync` and a gateway.
actor FrostHost {
    /// What happens on it.
    enum Event: String, CaseIterable, Sendable {
        case wildcardEmptied, wildcardMissing, wildcardWithStar, stopped, portGivenOn, deleted, deletedAndPortGivenOn
        case containerLost, sleeping, restoredByCopy, restoredByMove, logRemoved, metrics, renamed, migrating, mapLost
    }

    /// How many servers there are.
    static let ports = 3

    private struct Row {
        var id: String
        var name: String
        var port: Int
        var isActive = true
        var wakes = false
    }

    private let name: String
    private let migration: Int
    private let servers: [PostgresServer]
    private let directory: TemporaryDirectory
    private let sync: FrostDatabaseSync
    private let gateway: GatewayServer
    private var rows: [Row] = []
    /// Whose container has a port.
    private var containers: [Int: String] = [:]
    private var hasWildcard = true
    private var created = 0
    /// Who had a hostname last, and what it was called.
    private var given: [String: (id: String, name: String)] = [:]

    private init(
        _ name: String,
        _ migration: Int,
        _ servers: [PostgresServer],
        _ directory: TemporaryDirectory,
        _ gateway: GatewayServer
    ) {
        self.name = name
        self.migration = migration
        self.servers = servers
        self.directory = directory
        self.gateway = gateway
        self.sync = FrostDatabaseSync(
            databasePath: directory.file("frost.db"),
            routeFile: directory.file("routes.json"),
            logger: Logger(label: "sync") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Three branches: `main` and `dev` have a server, `old` is stopped.
    static func run(
        _ name: String,
        _ migration: Int,
        _ servers: [PostgresServer],
        _ certificate: SelfSignedCertificate,
        in directory: TemporaryDirectory,
        _ body: (FrostHost) async throws -> Void
    ) async throws {
        var configuration = GatewayConfiguration(
            routeFile: directory.file("routes.json"),
            certificates: .pair(certFile: certificate.certFile, keyFile: certificate.keyFile)
        )
        configuration.port = 0
        configuration.listenAddresses = ["127.0.0.1"]
        if let anyPort = AdminAddress("127.0.0.1:0") { configuration.adminAddress = anyPort }
        let gateway = GatewayServer(
            configuration: configuration,
            certificates: try CertificateStore(configuration.certificates),
            logger: Logger(label: "gateway") { _ in SwiftLogNoOpLogHandler() }
        )
        try await gateway.listen()
        let result: Result<Void, any Error>
        do {
            let host = FrostHost(name, migration, servers, directory, gateway)
            try await host.install()
            try await body(host)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await gateway.stop()
        try result.get()
    }

    // MARK: Frost

    /// Writes as Frost does, in WAL mode, and goes without closing: what it wrote is in the log.
    private static let writer = """
        import os, sqlite3, sys
        db = sqlite3.connect(sys.argv[1], isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        for statement in sys.argv[2:]:
            db.execute(statement)
        os._exit(0)
        """

    private func write(_ statements: [String]) async throws {
        try await Command.check("python3", ["-c", Self.writer, directory.file("frost.db")] + statements)
    }

    private func install() async throws {
        let later =
            migration >= 17
            ? ", ttl_value INTEGER, ttl_unit TEXT, scale_to_zero_minutes INTEGER, last_activity_at INTEGER, runtime_host_port INTEGER"
            : ""
        let backups = migration >= 18 ? ["CREATE TABLE database_backup_configs (database_id TEXT PRIMARY KEY)"] : []
        try await write(
            [
                "CREATE TABLE _migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, applied_at INTEGER NOT NULL)",
                "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
                "CREATE TABLE metrics (id INTEGER PRIMARY KEY, value REAL)",
                "CREATE TABLE projects (id TEXT PRIMARY KEY, name TEXT NOT NULL, hostname TEXT)",
                "CREATE TABLE databases (id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, engine TEXT NOT NULL)",
                """
                CREATE TABLE database_targets (id TEXT PRIMARY KEY, database_id TEXT NOT NULL, name TEXT NOT NULL,
                    hostname TEXT NOT NULL DEFAULT '', kind TEXT NOT NULL, lifecycle_status TEXT NOT NULL,
                    provider_ref_json TEXT NOT NULL, created_at INTEGER NOT NULL\(later), UNIQUE (database_id, name))
                """,
                "INSERT INTO settings VALUES ('wildcard_domain', 'example.net')",
                "INSERT INTO projects VALUES ('proj_1', 'shop', 'shop')",
                "INSERT INTO databases VALUES ('db_1', 'proj_1', 'orders', 'postgres')",
            ] + backups
                + (1...migration).map {
                    "INSERT INTO _migrations (name, applied_at) VALUES ('\(String(format: "%03d", $0))-step.sql', 0)"
                }
        )
        try await create("main", on: 0)
        try await create("dev", on: 1)
        try await create("old", on: 2)
        try await stop("old")
        // A backup as people make it: not in WAL mode.
        try await write(["VACUUM INTO '\(directory.file("backup.db"))'"])
    }

    private func create(_ branch: String, on port: Int) async throws {
        created += 1
        let row = Row(id: "dbt_\(created)", name: branch, port: port)
        rows.append(row)
        try await give(port, to: row.id)
        try await write([
            """
            INSERT INTO database_targets (id, database_id, name, hostname, kind, lifecycle_status, provider_ref_json, created_at)
            VALUES ('\(row.id)', 'db_1', '\(branch)', '\(branch)', 'branch', 'active', '{"hostPort": \(servers[port].port)}', \(created))
            """
        ])
    }

    /// The server behind a port says from now on that it is this branch's.
    private func give(_ port: Int, to id: String?) async throws {
        containers[port] = id
        try await servers[port].psql([
            "INSERT INTO mark VALUES ('\(name)', '\(id ?? "nobody")') ON CONFLICT (host) DO UPDATE SET branch = excluded.branch"
        ])
    }

    private func stop(_ branch: String) async throws {
        guard let index = rows.firstIndex(where: { $0.name == branch }) else { return }
        rows[index].isActive = false
        if containers[rows[index].port] == rows[index].id { try await give(rows[index].port, to: nil) }
        try await write(["UPDATE database_targets SET lifecycle_status = 'stopped' WHERE id = '\(rows[index].id)'"])
    }

    private func delete(_ branch: String) async throws {
        guard let index = rows.firstIndex(where: { $0.name == branch }) else { return }
        let row = rows.remove(at: index)
        if containers[row.port] == row.id { try await give(row.port, to: nil) }
        try await write(["DELETE FROM database_targets WHERE id = '\(row.id)'"])
    }

    private func setWildcard(_ value: String?) async throws {
        hasWildcard = value?.isEmpty == false
        try await write(
            ["DELETE FROM settings WHERE key = 'wildcard_domain'"]
                + (value.map { ["INSERT INTO settings VALUES ('wildcard_domain', '\($0)')"] } ?? [])
        )
    }

    private func restore(_ program: String) async throws {
        let file = directory.file("frost.db")
        try await Command.check("cp", [directory.file("backup.db"), directory.file("copy.db")])
        for name in ["\(file)-wal", "\(file)-shm"] { try? FileManager.default.removeItem(atPath: name) }
        try await Command.check(program, [directory.file("copy.db"), file])
        rows = [
            Row(id: "dbt_1", name: "main", port: 0), Row(id: "dbt_2", name: "dev", port: 1),
            Row(id: "dbt_3", name: "old", port: 2, isActive: false),
        ]
        hasWildcard = true
        for (port, id) in ["dbt_1", "dbt_2", nil].enumerated() { try await give(port, to: id) }
        // Frost starts on it, which takes every lock there is.
        try await write(["BEGIN EXCLUSIVE", "COMMIT"])
    }

    func happen(_ event: Event) async throws {
        let active = rows.last(where: \.isActive)
        switch event {
        case .wildcardEmptied: try await setWildcard("")
        case .wildcardMissing: try await setWildcard(nil)
        case .wildcardWithStar: try await setWildcard(" *.example.net. ")
        case .stopped: try await stop("dev")
        case .portGivenOn:
            if let active {
                try await stop(active.name)
                try await create("next\(created)", on: active.port)
            }
        case .deleted: try await delete("dev")
        case .deletedAndPortGivenOn:
            if let active {
                try await delete(active.name)
                try await create("other\(created)", on: active.port)
            }
        case .containerLost:
            // Frost goes on saying that it is active.
            if let active { try await create("taker\(created)", on: active.port) }
        case .sleeping where migration >= 17:
            if let index = rows.lastIndex(where: \.isActive) {
                rows[index].isActive = false
                rows[index].wakes = true
                try await write([
                    "UPDATE database_targets SET lifecycle_status = 'stopped', scale_to_zero_minutes = 5 WHERE id = '\(rows[index].id)'"
                ])
            }
        case .sleeping: break
        case .restoredByCopy: try await restore("cp")
        case .restoredByMove: try await restore("mv")
        case .logRemoved:
            try await write(["PRAGMA wal_checkpoint(TRUNCATE)"])
            for name in ["-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: directory.file("frost.db\(name)"))
            }
        case .metrics: try await write(["INSERT INTO metrics (value) VALUES (1)"])
        case .renamed:
            if let index = rows.lastIndex(where: \.isActive) {
                rows[index].name = "renamed\(created)"
                try await write([
                    "UPDATE database_targets SET name = '\(rows[index].name)', hostname = '\(rows[index].name)' WHERE id = '\(rows[index].id)'"
                ])
            }
        case .migrating:
            try await write([
                "UPDATE projects SET id = id || 'x'", "UPDATE databases SET project_id = project_id || 'x'",
            ])
        case .mapLost: try? FileManager.default.removeItem(atPath: directory.file("routes.json"))
        }
    }

    // MARK: What people see

    /// Brings the map up to date, and sees whether it is as it should be.
    ///
    /// - Parameter asksEverybody: whether people connect by every hostname that was ever given.
    func check(asksEverybody: Bool) async throws {
        try await sync.writeOnce()
        gateway.routeLoader.reload(isForced: false)
        let table = try RouteMapFile.load(path: directory.file("routes.json"))
        #expect(table.confirmation != nil)
        #expect(table.count == (hasWildcard ? rows.count : 0), "\(name)")
        let hostnames = table.hostnames
        for row in rows {
            guard let hostname = hostnames[row.id]?.name else { continue }
            given[hostname] = (row.id, row.name)
        }
        for (hostname, owner) in given where asksEverybody {
            let seen = try await branch(of: hostname)
            let row = rows.first { $0.id == owner.id }
            if let row, hostnames[row.id]?.name == hostname, row.isActive || row.wakes, containers[row.port] == row.id {
                #expect(seen == row.id, "\(name): \(hostname) does not reach its branch")
            } else {
                #expect(seen == nil, "\(name): \(hostname) leads astray")
            }
        }
    }

    /// Whose server a hostname leads to; nil when it is refused.
    private func branch(of hostname: String) async throws -> String? {
        let result = try await Command.run(
            "psql",
            [
                "-XqAt", "-c", "SELECT branch FROM mark WHERE host = '\(name)'",
                "host=\(hostname) hostaddr=127.0.0.1 port=\(gateway.port) user=\(PostgresServer.user) "
                    + "dbname=\(PostgresServer.database) sslmode=require connect_timeout=20",
            ],
            environment: ["PGPASSWORD": PostgresServer.password]
        )
        if result.isSuccess {
            // A port that nobody has is refused on a real host.
            let seen = result.output.trimmingCharacters(in: .whitespacesAndNewlines)
            return seen == "nobody" ? nil : seen
        }
        #expect(
            ["is stopped", "no branch has", "does not exist"].contains(where: result.errors.contains),
            "\(name): \(hostname): \(result.errors)"
        )
        return nil
    }
}
