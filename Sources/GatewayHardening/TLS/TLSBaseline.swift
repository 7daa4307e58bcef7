/// The TLS that is offered to clients: Mozilla's intermediate profile 6.0 (DESIGN.md, "TLS baseline"), as plain values.
package enum TLSBaseline {
    /// As the wire has it (RFC 8446 section 4.1.2).
    package enum Version: UInt16, CaseIterable, Sendable {
        case tls12 = 0x0303
        case tls13 = 0x0304
    }

    /// By their names in IANA's registry of supported groups.
    package enum Group: UInt16, CaseIterable, Sendable {
        case secp256r1 = 23
        case secp384r1 = 24
        case x25519 = 29
        case x25519MLKEM768 = 0x11EC
    }

    package static let minimumVersion = Version.tls12

    /// The suites of TLS 1.2, by OpenSSL's names. Those of TLS 1.3 are BoringSSL's: the three AEAD suites.
    package static let cipherSuites = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    ]

    /// The best first.
    package static let groups: [Group] = [.x25519MLKEM768, .x25519, .secp256r1, .secp384r1]
}
