import Crypto
package import Foundation
import SwiftASN1
import X509

/// How a certificate stands that is there already.
package enum CertificateStanding: Hashable, Sendable {
    /// It can be used; `until` is when the next is due.
    case good(until: Date)
    case reissue(ReissueReason)
}

/// Why a certificate is issued again.
package enum ReissueReason: String, Hashable, Sendable {
    /// One of the two files is not there, or not in PEM form.
    case unreadable
    /// It carries other names.
    case names
    /// Another CA has issued it.
    case authority
    /// The key is not its own.
    case key
    /// It begins in the future: the clock was set back.
    case early
    /// Two thirds of its life are over.
    case due
}

extension CertificateAuthority {
    /// After which part of its life a certificate is renewed.
    private static let renewalPoint = 2.0 / 3.0

    /// - Parameters:
    ///   - certificatePEM: nil for a file that is not there.
    ///   - keyPEM: nil for a file that is not there.
    ///   - name: what it has to carry, and nothing else.
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
        // Another would not last longer than the CA either.
        let isLast = leaf.notValidAfter >= notAfter
        if due > now { return .good(until: due) }
        return isLast ? .good(until: leaf.notValidAfter) : .reissue(.due)
    }
}
