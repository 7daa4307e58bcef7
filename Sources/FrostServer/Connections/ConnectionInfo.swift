package import BranchManager

/// Whether a connection must be encrypted, and how the server's certificate is verified.
package enum SSLMode: Hashable, Sendable {
    /// Encrypted, without verifying the server.
    case require
    /// Encrypted, with a certificate that covers the hostname and comes from one of these CAs.
    case verifyFull(CertificateRoots)

    /// The value of libpq's `sslmode`.
    package var name: String {
        switch self {
        case .require: Self.names[0]
        case .verifyFull: Self.names[1]
        }
    }

    /// All values of ``name``.
    static let names = ["require", "verify-full"]

    /// libpq's `sslrootcert`; nil if no certificate is verified.
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
    /// Those in a PEM file: frost's own CA. The path is absolute, or relative to the client's working directory.
    case file(String)
    /// Those that the client's system trusts, for an operator's certificates of a public CA.
    case system

    /// The CAs of the gateway's certificates, for a client with the CA certificate as downloaded from the page.
    init(downloadedFrom authority: CertificateAuthorityInfo?) {
        self = authority == nil ? .system : .file(CertificateAuthorityInfo.fileName)
    }
}

/// The parameters of a connection to one branch.
///
/// Every text may contain any character that PostgreSQL allows: all but U+0000. Names have at most 63 bytes.
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

    /// Without the gateway, on this host only.
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

    /// From another container on its network; nil if the branch does not run in a container.
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

    /// The address to connect to if the system's resolver may not know `host`; nil otherwise.
    ///
    /// Names under .localhost are this host (RFC 6761, section 6.3), but not every resolver knows: glibc's, without
    /// nss-myhostname, asks the name server and finds nothing. The name itself still has to be sent as the server
    /// name of TLS, by which the gateway finds the branch, and is the name that a certificate has to cover.
    var fixedAddress: String? {
        host.hasSuffix(".localhost") ? "127.0.0.1" : nil
    }
}
