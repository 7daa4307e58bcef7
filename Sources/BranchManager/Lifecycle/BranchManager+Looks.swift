/// Facts of a running server.
package struct ServerFacts: Hashable, Sendable {
    /// PostgreSQL's own format: "16.4 (Debian 16.4-1)".
    package var version: String
    /// Of all its databases, in bytes.
    package var size: Int

    package init(version: String, size: Int) {
        self.version = version
        self.size = size
    }
}

/// The location of a server's log.
package enum ServerLogHome: Hashable, Sendable {
    /// A file of this host.
    case file(String)
    /// Kept by the engine, under the container's name.
    case container(String)
}

extension BranchRuntime {
    /// Queries a running server.
    ///
    /// - Returns: nil if its answer is invalid.
    package func facts(_ server: ServerSpec) async throws(BranchError) -> ServerFacts? {
        let answer = try await query(
            "SELECT coalesce(sum(pg_catalog.pg_database_size(oid)), 0), pg_catalog.current_setting('server_version') "
                + "FROM pg_catalog.pg_database WHERE datallowconn",
            on: server
        )
        let columns = answer.split(separator: "\n").first?.split(separator: "|", maxSplits: 1) ?? []
        guard columns.count == 2, let size = Int(columns[0]) else { return nil }
        return ServerFacts(version: String(columns[1]), size: size)
    }
}

extension BranchManager {
    /// Facts of the branch's server; nil while it cannot be queried.
    package func facts(of branch: BranchDetails) async throws(BranchError) -> ServerFacts? {
        try await runtime(branch.target.runtime).facts(ServerSpec(branch))
    }

    /// The end of the branch's server log, at most 64 KiB.
    package func log(of branch: BranchDetails) async throws(BranchError) -> String {
        try await runtime(branch.target.runtime).log(ServerSpec(branch), after: nil).text
    }

    /// nil if the runtime keeps none.
    package func logHome(of branch: BranchDetails) throws(BranchError) -> ServerLogHome? {
        try runtime(branch.target.runtime).logHome(ServerSpec(branch))
    }
}
