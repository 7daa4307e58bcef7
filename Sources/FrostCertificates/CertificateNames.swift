/// Which names certificates have to carry.
package enum CertificateNames {
    /// The names that cover hostnames: for each the wildcard one label up, since a wildcard stands for one label
    /// (RFC 9525 section 6.3).
    ///
    /// Made of the hostnames alone, whatever gave them: a second base, or a name that is kept for a while, is covered
    /// as any other. A name of fewer than three labels is its own: clients refuse wildcards directly below a top-level
    /// domain.
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

    /// A name that no branch has, for the certificate that clients with another name, or none, are shown: the gateway
    /// needs one before there is a project.
    ///
    /// - Parameter base: what hostnames end in; nil for none.
    package static func fallback(base: String?) -> String { "pg.\(base ?? "localhost")" }

    /// What the files of a certificate for this name are called, without an ending: as the gateway understands it.
    package static func fileStem(of name: String) -> String {
        name.hasPrefix("*.") ? "\(wildcardStem)\(name.dropFirst(2))" : name
    }

    private static let wildcardStem = "wildcard_."
}
