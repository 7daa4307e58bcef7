package import BranchManager

/// Whether a connection must be encrypted, in libpq's words.
package enum SSLMode: String, Hashable, Sendable, Codable {
    /// Encrypted, without a check of who answers.
    case require
}

/// What a client has to know to reach one branch.
///
/// Every text may hold any character that PostgreSQL allows: all but U+0000. A name has at most 63 bytes there.
package struct ConnectionInfo: Hashable, Sendable {
    /// A host name, an IPv4 address, or an IPv6 address without brackets.
    package var host: String
    package var port: Int
    package var username: String
    package var password: String
    package var databaseName: String
    /// nil for connections without TLS: internal and direct ones.
    package var sslMode: SSLMode?

    package init(
        host: String,
        port: Int,
        username: String,
        password: String,
        databaseName: String,
        sslMode: SSLMode?
    ) {
        self.host = host
        self.port = port
        self.username = username
        self.password = password
        self.databaseName = databaseName
        self.sslMode = sslMode
    }
}

extension ConnectionInfo {
    /// Through the gateway; nil while the branch has no hostname.
    package init?(external branch: BranchDetails, port: Int) {
        guard let hostname = branch.target.hostname else { return nil }
        self.init(
            host: hostname,
            port: port,
            username: branch.database.username,
            password: branch.database.password,
            databaseName: branch.database.databaseName,
            sslMode: .require
        )
    }

    /// Past the gateway, on this host alone.
    package init(direct branch: BranchDetails) {
        self.init(
            host: "127.0.0.1",
            port: branch.target.hostPort,
            username: branch.database.username,
            password: branch.database.password,
            databaseName: branch.database.databaseName,
            sslMode: nil
        )
    }

    /// Where to connect to when the system's resolver cannot be asked for `host`; nil when it can.
    ///
    /// Names under .localhost are this host (RFC 6761, section 6.3), but not every resolver knows: glibc's, without
    /// nss-myhostname, asks the name server and finds nothing. The name itself still has to be sent as the server
    /// name of TLS, by which the gateway finds the branch.
    var fixedAddress: String? {
        host.hasSuffix(".localhost") ? "127.0.0.1" : nil
    }
}
