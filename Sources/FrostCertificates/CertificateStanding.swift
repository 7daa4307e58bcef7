import Crypto
package import Foundation
import SwiftASN1
import X509

/// The state of an existing certificate.
package enum CertificateStanding: Hashable, Sendable {
    /// It is valid; the renewal is due at `until`.
    case good(until: Date)
    case reissue(ReissueReason)
}

/// Why a certificate must be issued again.
package enum ReissueReason: String, Hashable, Sendable {
    /// One of the two files is missing, or not in PEM form.
    case unreadable
    /// It has different names.
    case names
    /// It was issued by another CA.
    case authority
    /// The key does not match.
    case key
    /// It is not valid yet: the clock was set back.
    case early
    /// Two thirds of its lifetime have passed.
    case due
}

extension CertificateAuthority {
    /// The part of its lifetime after which a certificate is renewed.
    private static let renewalPoint = 2.0 / 3.0

    /// - Parameters:
    ///   - certificatePEM: nil for a missing file.
    ///   - keyPEM: nil for a missing file.
    ///   - name: its required only name.
    package func standing(
        certificatePEM: String?,
        keyPEM: String?,
        name: String,
        at now: Date
    ) -> CertificateStanding {
        guard let leaf = certificatePEM.flatMap({ try? Certificate(pemEncoded: $0) }),
            let key = keyPEM.flatMap({ try? P256.Signing.PrivateKey(pemRepresentation: $0) })
        else { return .reissue(.unreadable) }
        guard leaf.issuer == certificate.subject,
            certificate.publicKey.isValidSignature(leaf.signature, for: leaf)
        else { return .reissue(.authority) }
        guard P256.Signing.PublicKey(leaf.publicKey)?.rawRepresentation == key.publicKey.rawRepresentation else {
            return .reissue(.key)
        }
        guard leaf.dnsNames == [name] else { return .reissue(.names) }
        guard leaf.notValidBefore <= now else { return .reissue(.early) }
        let life = leaf.notValidAfter.timeIntervalSince(leaf.notValidBefore)
        let due = leaf.notValidBefore.addingTimeInterval(life * Self.renewalPoint)
        // A new one could not outlive the CA either.
        let isLast = leaf.notValidAfter >= notAfter
        if due > now { return .good(until: due) }
        return isLast ? .good(until: leaf.notValidAfter) : .reissue(.due)
    }
}
