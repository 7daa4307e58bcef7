/// What a server that runs says of itself.
package struct ServerFacts: Hashable, Sendable {
    /// As PostgreSQL writes it: "16.4 (Debian 16.4-1)".
    package var version: String
    /// Of all its databases, in bytes.
    package var size: Int

    package init(version: String, size: Int) {
        self.version = version
        self.size = size
    }
}

/// Where a server's log is kept.
package enum ServerLogHome: Hashable, Sendable {
    /// A file of this host.
    case file(String)
    /// The engine keeps it, under the container's name.
    case container(String)
}

extension BranchRuntime {
    /// Asks a server that runs.
    ///
    /// - Returns: nil when its answer cannot be read.
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
    /// What the branch's server says of itself; nil while it cannot be asked.
    package func facts(of branch: BranchDetails) async throws(BranchError) -> ServerFacts? {
        try await runtime(branch.target.runtime).facts(ServerSpec(branch))
    }

    /// The end of the log of the branch's server, at most 64 KiB of it.
    package func log(of branch: BranchDetails) async throws(BranchError) -> String {
        try await runtime(branch.target.runtime).log(ServerSpec(branch), after: nil).text
    }

    /// nil where the runtime keeps none.
    package func logHome(of branch: BranchDetails) throws(BranchError) -> ServerLogHome? {
        try runtime(branch.target.runtime).logHome(ServerSpec(branch))
    }
}
