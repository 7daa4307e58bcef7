#if canImport(Glibc)
package import Glibc
#elseif canImport(Musl)
package import Musl
#endif

/// Where the CA and what it issues are kept.
package struct CertificatePlace: Hashable, Sendable {
    /// The directory of the CA.
    package var authority: String
    /// The directory of the pairs: the CERT_DIR of the gateway.
    package var pairs: String
    /// Who may read the keys beside their owner: the group of the gateway's account. nil leaves them to their owner, or,
    /// in a directory whose files take its group (setgid), to that group.
    package var group: gid_t?
    /// What keeps them, as people start it.
    package var program = "frost up"

    /// Of a data directory.
    ///
    /// - Parameter pairs: in place of `certificates` in the data directory.
    package init(dataDirectory: String, pairs: String? = nil, group: gid_t? = nil) {
        authority = "\(dataDirectory)/ca"
        self.pairs = pairs ?? "\(dataDirectory)/certificates"
        self.group = group
    }

    /// The CA's certificate, which clients are given.
    package var certificateFile: String { "\(authority)/ca.crt" }
    /// The CA's key, its owner's alone.
    package var keyFile: String { "\(authority)/ca.key" }
    /// Where a new CA is made, before it is in force as a whole.
    var newAuthority: String { "\(authority).new" }
}
