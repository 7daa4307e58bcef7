import X509

extension Certificate {
    /// The DNS names in the certificate's subjectAltName, unchanged; empty without a readable extension.
    package var dnsNames: [String] {
        guard let names = try? extensions.subjectAlternativeNames else { return [] }
        return names.compactMap { name in
            if case .dnsName(let text) = name { text } else { nil }
        }
    }
}
