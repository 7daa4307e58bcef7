package import Foundation

/// Why a stored CA is invalid.
package enum CertificateFault: Error, Hashable, Sendable {
    /// The text is not a certificate in PEM form.
    case certificateUnreadable
    /// The text is not a P-256 private key in PEM form.
    case keyUnreadable
    /// The certificate is not a P-256 CA certificate.
    case notAuthority
    /// The key does not match the certificate.
    case otherKey
    case expired(Date)
    /// The library's error when creating a certificate.
    case unmakeable(String)
}
