package import Foundation

/// Frost's own CA that issued the gateway's certificates, for clients that trust it.
package struct CertificateAuthorityInfo: Hashable, Sendable {
    /// Its path on the server, open to everyone: a certificate is not a secret.
    package static let path = "/ca.crt"
    /// Its file name in downloads and connection strings.
    package static let fileName = "frost-ca.crt"

    /// Its certificate, as in `file`.
    package var pem: String
    /// SHA-256 in OpenSSL's format: upper case, with a colon between bytes.
    package var fingerprint: String
    package var notAfter: Date
    /// The certificate's absolute path on this host.
    package var file: String

    package init(pem: String, fingerprint: String, notAfter: Date, file: String) {
        self.pem = pem
        self.fingerprint = fingerprint
        self.notAfter = notAfter
        self.file = file
    }
}
