/// The use of a server, from its own statistics.
package struct ServerUse: Hashable, Sendable {
    /// Open sessions, without frost's own.
    package var clients: Int
    /// The total of sessions in all databases except `postgres`; reset when a server loses its statistics.
    package var sessions: Int
    /// The total of sessions in `postgres`, without those of this process. May count one late, but never one too many.
    package var sessionsOfPostgres: Int
    /// The server's start time, in its own format.
    package var startedAt: String

    package init(clients: Int, sessions: Int, sessionsOfPostgres: Int, startedAt: String) {
        self.clients = clients
        self.sessions = sessions
        self.sessionsOfPostgres = sessionsOfPostgres
        self.startedAt = startedAt
    }
}

extension ServerUse {
    /// One row. A session whose details a role without superuser rights cannot see counts as a client's.
    ///
    /// A standby, a running copy, and an active subscription count too. `sessions` exists since PostgreSQL 14; to_jsonb
    /// makes it null in older versions.
    static let query = """
        SET statement_timeout = '10s';
        SELECT
        (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid()
        AND (backend_type IS NULL OR backend_type IN ('client backend', 'walsender')
        OR backend_type LIKE 'logical replication%worker')
        AND NOT (client_addr IS NULL AND backend_type IS NOT NULL
        AND coalesce(application_name, '') = '\(OwnSessions.applicationName)')),
        (SELECT sum((pg_catalog.to_jsonb(d) ->> 'sessions')::bigint) FROM pg_catalog.pg_stat_database d
        WHERE datname IS DISTINCT FROM '\(OwnSessions.database)'),
        (SELECT sum((pg_catalog.to_jsonb(d) ->> 'sessions')::bigint) FROM pg_catalog.pg_stat_database d
        WHERE datname = '\(OwnSessions.database)'),
        pg_catalog.pg_postmaster_start_time()
        """

    /// - Parameter own: sessions of this process in `postgres`, counted after the query.
    init?(_ answer: String, own: Int) {
        let columns = answer.split(separator: "\n").first?.split(separator: "|", omittingEmptySubsequences: false) ?? []
        guard columns.count == 4, let clients = Int(columns[0]), let sessions = Int(columns[1]),
            let sessionsOfPostgres = Int(columns[2])
        else { return nil }
        self.init(
            clients: clients,
            sessions: sessions,
            sessionsOfPostgres: sessionsOfPostgres - own,
            startedAt: String(columns[3])
        )
    }
}

extension BranchRuntime {
    /// Queries the use of a running server.
    ///
    /// - Throws: ``BranchError/runtime(_:)`` when the server cannot be queried, or does not count sessions (PostgreSQL
    ///   13 and older).
    package func use(_ server: ServerSpec) async throws(BranchError) -> ServerUse {
        let answer = try await query(ServerUse.query, on: server)
        guard let use = ServerUse(answer, own: ownSessions.count(of: server)) else {
            throw .runtime("the server does not report its sessions")
        }
        return use
    }
}
