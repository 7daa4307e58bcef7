import Foundation

/// Why a private key in PEM form cannot be used, as far as its bytes tell.
struct PrivateKeyProblem: CustomStringConvertible {
    let description: String

    private static let usable = "use RSA, ECDSA on P-256, P-384 or P-521, or Ed25519"

    /// Object identifiers in DER, with tag and length, of what PostgreSQL's tools make and TLS here does not take.
    private static let kinds: [(der: [UInt8], name: String)] = [
        ([0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x0A], "an EC key on secp256k1"),
        ([0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x21], "an EC key on secp224r1"),
        ([0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x01], "an EC key on prime192v1"),
        ([0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01], "an EC key on a Brainpool curve"),
        ([0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x38, 0x04, 0x01], "a DSA key"),
        ([0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A], "an RSA-PSS key"),
        ([0x06, 0x03, 0x2B, 0x65, 0x6E], "an X25519 key, which cannot sign"),
        ([0x06, 0x03, 0x2B, 0x65, 0x6F], "an X448 key, which cannot sign"),
        ([0x06, 0x03, 0x2B, 0x65, 0x71], "an Ed448 key"),
        ([0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x01, 0x01], "an EC key whose curve is given by its parameters"),
    ]

    /// - Parameter pem: has a block of a private key.
    init(pem: [UInt8]) {
        let lines = String(decoding: pem, as: UTF8.self).split(whereSeparator: \.isNewline)
        let start = lines.firstIndex { $0.hasPrefix("-----BEGIN ") && $0.contains("PRIVATE KEY-----") }
        let label = start.map { lines[$0] } ?? ""
        if label.contains("ENCRYPTED")
            || lines.contains(where: { $0.hasPrefix("Proc-Type:") && $0.contains("ENCRYPTED") })
        {
            description = "it is encrypted; remove its passphrase"
            return
        }
        let body = start.map { lines[($0 + 1)...].prefix { !$0.hasPrefix("-----") && !$0.contains(":") } } ?? []
        guard let der = Data(base64Encoded: body.joined(), options: .ignoreUnknownCharacters), !der.isEmpty,
            lines.contains(where: { $0.hasPrefix("-----END ") && $0.contains("PRIVATE KEY-----") })
        else {
            description = "it is truncated or corrupted"
            return
        }
        let kind =
            label.contains("DSA PRIVATE") ? "a DSA key" : Self.kinds.first { der.range(of: Data($0.der)) != nil }?.name
        description =
            kind.map { "it is \($0); \(Self.usable)" } ?? "it is corrupted or of an unsupported type; \(Self.usable)"
    }
}
