/// Frost's own access to containers: commands that the engine runs there as the server's account, over a Unix socket
/// with peer authentication. This needs no password, so a changed password does not lock frost out.
///
/// The rules are outside of the data directory, in files of root: a superuser of the branch can read but not edit them.
/// They are options of the server's command line, which take precedence over its configuration files.
extension DockerRuntime {
    /// In containers.
    enum Access {
        static let directory = "/frost"
        /// A volume of the container, shared with the copying helper.
        static let sockets = "\(directory)/socket"
        static let rules = "\(directory)/pg_hba.conf"
        static let names = "\(directory)/pg_ident.conf"
        /// The default socket directory of PostgreSQL's programs in the image.
        static let imageSockets = "/var/run/postgresql"
        /// The account of servers, by its name in the image.
        static let account = "postgres"
        /// Of a branch's own rules, in bytes.
        static let rulesLimit = 1_024 * 1_024

        /// Settings that decide whether frost, and clients of the published port, can connect to the server.
        static let options = [
            "hba_file=\(rules)", "ident_file=\(names)", "unix_socket_directories=\(sockets),\(imageSockets)",
            "unix_socket_permissions=0777", "unix_socket_group=", "listen_addresses=*", "port=5432",
        ].flatMap { ["-c", $0] }
    }

    /// The arguments of the image's entrypoint: the image's own command, if it has one, and frost's options.
    static func command(_ image: DockerEngine.Image) -> [String] {
        let own = image.Config?.Cmd ?? []
        let isServer = own.first.map { $0.hasPrefix("-") || $0 == "postgres" || $0.hasSuffix("/postgres") } ?? false
        return (isServer ? own : ["postgres"]) + Access.options
    }

    /// Writes the rules of a server into its container before it starts.
    func giveAccess(_ server: ServerSpec, major: Int) async throws(BranchError) {
        let container = name(server)
        let own = "\(Self.data)/pg_hba.conf"
        let rest: String
        if major >= 16 {
            rest = "include_if_exists \(own)"
        } else {
            // Versions before 16 cannot include a file from another.
            let file = try await engine.file(own, in: container, atMost: Access.rulesLimit)
            rest = String(decoding: file ?? [], as: UTF8.self)
        }
        let role = "\"\(server.username.replacing("\"", with: "\"\""))\""
        let rules = """
            # Written by frost at each start of the server; changes here are lost.
            # Frost itself connects over a socket of the container. The branch's own pg_hba.conf controls all other connections.
            local all,replication \(role) peer map=frost
            \(rest)

            """
        // Without the branch's own lines: an error in one would make PostgreSQL reject the whole file.
        let names = "frost \(Access.account) \(role)\nfrost root \(role)\n"
        func entry(_ path: String, _ mode: Int, _ text: String? = nil) -> TarArchive.Entry {
            TarArchive.Entry(path: String(path.dropFirst()), mode: mode, content: text.map { Array($0.utf8) })
        }
        var entries = [
            entry(Access.directory, 0o755), entry(Access.rules, 0o644, rules), entry(Access.names, 0o644, names),
            // Mode like /tmp, because the number of the server's account in the image is unknown.
            entry(Access.sockets, 0o1777),
        ]
        if try await !engine.exists(Access.imageSockets, in: container) {
            entries.append(entry(Access.imageSockets, 0o1777))
        }
        try await engine.put(entries, into: container)
    }

    package func execute(_ commands: [String], on server: ServerSpec) async throws(BranchError) {
        for command in commands { try await psql(command, on: server, database: server.databaseName) }
    }

    package func passwordVerifier(_ server: ServerSpec) async throws(BranchError) -> String? {
        let role = server.username.replacing("'", with: "''")
        return try await psql(
            "SELECT coalesce(rolpassword, '') FROM pg_catalog.pg_authid WHERE rolname = '\(role)'",
            on: server
        )
    }

    /// - Parameter database: one that exists even if the branch's own was renamed.
    @discardableResult
    func psql(
        _ command: String,
        on server: ServerSpec,
        database: String = OwnSessions.database
    ) async throws(BranchError) -> String {
        // A container of an earlier frost has the image's settings; the fifth line is the directory of its first
        // socket.
        let script = """
            \(Self.anyPath)
            sockets=\(Access.sockets)
            [ -d "$sockets" ] || sockets=$(sed -n 5p "$0/postmaster.pid")
            exec psql -h "$sockets" "$@"
            """
        return try await ownSessions.counting(database, of: server) { () async throws(BranchError) in
            let result = try await engine.execute(
                [
                    "/bin/sh", "-c", script, Self.data, "-XqAtw", "-p", "5432", "-v", "ON_ERROR_STOP=1", "-U",
                    server.username, "-d", database, "-c", command,
                ],
                in: name(server),
                user: Access.account,
                environment: ["PGCONNECT_TIMEOUT=30", "PGAPPNAME=\(OwnSessions.applicationName)"]
            )
            guard result.code == 0 else {
                throw .runtime("psql: \(result.output.suffix(DockerEngine.messageLength))")
            }
            return result.output
        }
    }
}
