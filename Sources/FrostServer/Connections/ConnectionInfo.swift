package import BranchManager

/// Whether a connection must be encrypted, and what of the server's certificate is checked.
package enum SSLMode: Hashable, Sendable {
    /// Encrypted, without a check of who answers.
    case require
    /// Encrypted, with a certificate that covers the hostname and comes from one of these CAs.
    case verifyFull(CertificateRoots)

    /// The word of libpq's `sslmode`.
    package var name: String {
        switch self {
        case .require: Self.names[0]
        case .verifyFull: Self.names[1]
        }
    }

    /// All that ``name`` may be.
    static let names = ["require", "verify-full"]

    /// libpq's `sslrootcert`; nil where no certificate is checked.
    package var rootCertificate: String? {
        switch self {
        case .require: nil
        case .verifyFull(.file(let path)): path
        case .verifyFull(.system): "system"
        }
    }
}

/// The CAs that a client trusts.
package enum CertificateRoots: Hashable, Sendable {
    /// Those in a PEM file: frost's own CA. The path is absolute, or relative to the directory that the client runs in.
    case file(String)
    /// Those that the client's system trusts, for an operator's certificates of a public CA.
    case system

    /// Of the gateway's certificates, for a client that has the CA's certificate as the page gives it.
    init(downloadedFrom authority: CertificateAuthorityInfo?) {
        self = authority == nil ? .system : .file(CertificateAuthorityInfo.fileName)
    }
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
    package init?(external branch: BranchDetails, port: Int, sslMode: SSLMode = .require) {
        guard let hostname = branch.target.hostname else { return nil }
        self.init(
            host: hostname,
            port: port,
            username: branch.database.username,
            password: branch.database.password,
            databaseName: branch.database.databaseName,
            sslMode: sslMode
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

    /// From another container of its network; nil where the branch runs in none.
    package init?(internal branch: BranchDetails) {
        guard branch.target.runtime == .docker else { return nil }
        self.init(
            host: ServerSpec(branch).internalName,
            port: TargetRuntime.containerPort,
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
    /// name of TLS, by which the gateway finds the branch, and is the name that a certificate has to cover.
    var fixedAddress: String? {
        host.hasSuffix(".localhost") ? "127.0.0.1" : nil
    }
}
