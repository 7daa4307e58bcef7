package import Foundation

/// Why a CA cannot be used as it is kept.
package enum CertificateFault: Error, Hashable, Sendable {
    /// The text is no certificate in PEM form.
    case certificateUnreadable
    /// The text is no private key on P-256 in PEM form.
    case keyUnreadable
    /// The certificate is not one of a CA, or not one on P-256.
    case notAuthority
    /// The key is not that of the certificate.
    case otherKey
    case expired(Date)
    /// What the library says that could not make a certificate.
    case unmakeable(String)
}
