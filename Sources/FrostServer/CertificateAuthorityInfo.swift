package import Foundation

/// The own CA that issued the gateway's certificates, for those who are to trust it.
package struct CertificateAuthorityInfo: Hashable, Sendable {
    /// The path under which the server gives it to anybody: a certificate is no secret.
    package static let path = "/ca.crt"
    /// What a browser saves it as, and what connection strings call it.
    package static let fileName = "frost-ca.crt"

    /// Its certificate, as in `file`.
    package var pem: String
    /// SHA-256, as OpenSSL writes it: upper case, a colon between two bytes.
    package var fingerprint: String
    package var notAfter: Date
    /// Where the certificate is on this host; absolute.
    package var file: String

    package init(pem: String, fingerprint: String, notAfter: Date, file: String) {
        self.pem = pem
        self.fingerprint = fingerprint
        self.notAfter = notAfter
        self.file = file
    }
}
