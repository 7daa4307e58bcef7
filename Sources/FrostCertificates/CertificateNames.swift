/// The names for certificates.
package enum CertificateNames {
    /// The names that cover hostnames: for each the wildcard for its first label, since a wildcard covers one label
    /// (RFC 9525 section 6.3).
    ///
    /// Depends on the hostnames only: those of a second domain, and former hostnames, are covered like any other. A
    /// name of fewer than three labels is used itself: clients refuse wildcards directly below a top-level domain.
    ///
    /// - Parameter hostnames: in lower case, without a trailing dot.
    package static func covering(_ hostnames: some Sequence<String>) -> Set<String> {
        Set(hostnames.map(covering))
    }

    private static func covering(_ hostname: String) -> String {
        guard let dot = hostname.firstIndex(of: "."), hostname[hostname.index(after: dot)...].contains(".") else {
            return hostname
        }
        return "*" + hostname[dot...]
    }

    /// An unused name, for the certificate of clients without a known hostname: the gateway needs one before there is a
    /// project.
    ///
    /// - Parameter base: the domain of hostnames; nil for none.
    package static func fallback(base: String?) -> String { "pg.\(base ?? "localhost")" }

    /// The base name of a certificate's files for this name, in the gateway's format.
    package static func fileStem(of name: String) -> String {
        name.hasPrefix("*.") ? "\(wildcardStem)\(name.dropFirst(2))" : name
    }

    private static let wildcardStem = "wildcard_."
}
