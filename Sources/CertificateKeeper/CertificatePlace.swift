#if canImport(Glibc)
package import Glibc
#elseif canImport(Musl)
package import Musl
#endif

/// The locations of the CA and its certificates.
package struct CertificatePlace: Hashable, Sendable {
    /// The directory of the CA.
    package var authority: String
    /// The directory of the pairs: the CERT_DIR of the gateway.
    package var pairs: String
    /// The group that can read the keys, besides their owner: that of the gateway's account. nil for the owner only or,
    /// in a setgid directory, the directory's group.
    package var group: gid_t?
    /// The command that maintains them.
    package var program = "frost up"

    /// Of a data directory.
    ///
    /// - Parameter pairs: used instead of `certificates` in the data directory.
    package init(dataDirectory: String, pairs: String? = nil, group: gid_t? = nil) {
        authority = "\(dataDirectory)/ca"
        self.pairs = pairs ?? "\(dataDirectory)/certificates"
        self.group = group
    }

    /// The CA's certificate for clients.
    package var certificateFile: String { "\(authority)/ca.crt" }
    /// The CA's key, readable only by its owner.
    package var keyFile: String { "\(authority)/ca.key" }
    /// The temporary location of a new CA, before it takes effect atomically.
    var newAuthority: String { "\(authority).new" }
}
