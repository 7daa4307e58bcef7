import X509

extension Certificate {
    /// The DNS names of the certificate's subjectAltName, as they stand there; none when it has no such extension, or
    /// one that cannot be read.
    package var dnsNames: [String] {
        guard let names = try? extensions.subjectAlternativeNames else { return [] }
        return names.compactMap { name in
            if case .dnsName(let text) = name { text } else { nil }
        }
    }
}
