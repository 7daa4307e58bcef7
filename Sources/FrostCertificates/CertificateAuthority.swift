import Crypto
package import Foundation
import SwiftASN1
package import X509

/// Frost's own CA: issues a certificate for each name, and determines when a renewal is due.
///
/// ECDSA on P-256. It has no name constraints: the domain of hostnames is a setting, and a CA limited to the old domain
/// would have to be replaced on every client.
package struct CertificateAuthority: Sendable {
    /// Of the CA, in calendar years.
    package static let lifetimeInYears = 10
    /// Of issued certificates, in seconds: 90 days, but never beyond the CA's own expiry.
    package static let leafLifetime: TimeInterval = 90 * 86_400
    /// How long before its expiry frost warns, in seconds: 90 days, the lifetime of issued certificates.
    package static let warning: TimeInterval = 90 * 86_400
    /// How long before their issue certificates are valid, in seconds, for clients with slow clocks.
    private static let clockTolerance: TimeInterval = 3_600
    /// The prefix of every subject.
    private static let subjectStart = "Frost CA "
    /// Limit of a common name, in characters (RFC 5280, appendix A.1, ub-common-name).
    static let maximumCommonName = 64
    /// Length of a serial number, in bytes (RFC 5280 section 4.1.2.2).
    private static let serialLength = 20

    package let certificate: Certificate
    private let key: P256.Signing.PrivateKey

    private init(_ certificate: Certificate, _ key: P256.Signing.PrivateKey) {
        self.certificate = certificate
        self.key = key
    }

    /// Creates a new CA.
    ///
    /// - Parameter host: distinguishes it from those of other hosts; characters not allowed in names are omitted.
    /// - Throws: ``CertificateFault/unmakeable(_:)``.
    package static func make(for host: String, at now: Date) throws(CertificateFault) -> CertificateAuthority {
        let key = P256.Signing.PrivateKey()
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        guard let end = calendar.date(byAdding: .year, value: lifetimeInYears, to: now) else {
            throw .unmakeable("there is no date \(lifetimeInYears) years from \(now)")
        }
        let publicKey = Certificate.PublicKey(key.publicKey)
        // Distinguish several CAs on one host too, such as that of a temporary frost.
        let mark = SHA256.hash(data: key.publicKey.rawRepresentation).prefix(4).map(hex).joined()
        let plain = host.unicodeScalars.filter {
            $0.isASCII && ($0.properties.isAlphabetic || "0123456789.-".unicodeScalars.contains($0))
        }
        let room = maximumCommonName - subjectStart.count - mark.count - 1
        let name = String(String.UnicodeScalarView(plain.prefix(room)))
        do {
            let subject = try DistinguishedName {
                CommonName(subjectStart + (name.isEmpty ? "" : "\(name) ") + mark)
            }
            let certificate = try Certificate(
                version: .v3,
                serialNumber: makeSerial(),
                publicKey: publicKey,
                notValidBefore: now.addingTimeInterval(-clockTolerance),
                notValidAfter: end,
                issuer: subject,
                subject: subject,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: publicKey)
                },
                issuerPrivateKey: Certificate.PrivateKey(key)
            )
            return CertificateAuthority(certificate, key)
        } catch {
            throw .unmakeable("\(error)")
        }
    }

    /// Loads a stored CA.
    ///
    /// - Parameters:
    ///   - certificatePEM: the stored ``certificatePEM``.
    ///   - keyPEM: the stored ``keyPEM``.
    /// - Throws: ``CertificateFault``.
    package init(certificatePEM: String, keyPEM: String, at now: Date) throws(CertificateFault) {
        let certificate = try Self.readCertificate(certificatePEM)
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: keyPEM) else { throw .keyUnreadable }
        guard let own = P256.Signing.PublicKey(certificate.publicKey) else { throw .notAuthority }
        guard own.rawRepresentation == key.publicKey.rawRepresentation else { throw .otherKey }
        guard certificate.notValidAfter > now else { throw .expired(certificate.notValidAfter) }
        self.init(certificate, key)
    }

    /// Reads the certificate of a CA.
    ///
    /// - Throws: ``CertificateFault/certificateUnreadable`` or ``CertificateFault/notAuthority``.
    package static func readCertificate(_ pem: String) throws(CertificateFault) -> Certificate {
        guard let certificate = try? Certificate(pemEncoded: pem) else { throw .certificateUnreadable }
        guard case .isCertificateAuthority = try? certificate.extensions.basicConstraints else { throw .notAuthority }
        return certificate
    }

    package var notAfter: Date { certificate.notValidAfter }
    package var keyPEM: String { key.pemRepresentation + "\n" }

    /// - Throws: ``CertificateFault/unmakeable(_:)``.
    package func certificatePEM() throws(CertificateFault) -> String { try Self.pem(certificate) }

    // MARK: Issued certificates

    /// A certificate with its key, both PEM.
    package struct Issued: Sendable {
        package var certificatePEM: String
        package var keyPEM: String
    }

    /// Issues a certificate for a name, with a new key.
    ///
    /// - Parameter name: a hostname, optionally with a leading `*.`; in lower case.
    /// - Throws: ``CertificateFault/unmakeable(_:)``.
    package func issue(_ name: String, at now: Date) throws(CertificateFault) -> Issued {
        let key = P256.Signing.PrivateKey()
        let certificate = try issue(
            name,
            for: key,
            from: now.addingTimeInterval(-Self.clockTolerance),
            to: now.addingTimeInterval(Self.leafLifetime)
        )
        return Issued(certificatePEM: try Self.pem(certificate), keyPEM: key.pemRepresentation + "\n")
    }

    func issue(
        _ name: String,
        for key: P256.Signing.PrivateKey,
        from start: Date,
        to end: Date
    ) throws(CertificateFault) -> Certificate {
        let publicKey = Certificate.PublicKey(key.publicKey)
        // Certificates for longer names have no subject, and the subjectAltName is critical (RFC 5280 section 4.2.1.6).
        let hasSubject = name.utf8.count <= Self.maximumCommonName
        do {
            let names = SubjectAlternativeNames([.dnsName(name)])
            let identifier = try self.certificate.extensions.subjectKeyIdentifier?.keyIdentifier
            return try Certificate(
                version: .v3,
                serialNumber: Self.makeSerial(),
                publicKey: publicKey,
                notValidBefore: start,
                notValidAfter: min(end, notAfter),
                issuer: self.certificate.subject,
                subject: hasSubject ? try DistinguishedName { CommonName(name) } : DistinguishedName(),
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth])
                    if hasSubject { names } else { Critical(names) }
                    SubjectKeyIdentifier(hash: publicKey)
                    AuthorityKeyIdentifier(
                        keyIdentifier: identifier
                            ?? SubjectKeyIdentifier(hash: self.certificate.publicKey).keyIdentifier
                    )
                },
                issuerPrivateKey: Certificate.PrivateKey(self.key)
            )
        } catch {
            throw .unmakeable("\(error)")
        }
    }

    /// As many random bits as RFC 5280 allows with a constant length.
    private static func makeSerial() -> Certificate.SerialNumber {
        var generator = SystemRandomNumberGenerator()
        var bytes = (0..<serialLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        // Positive and of full length: the first byte is 0x40 to 0x7f.
        bytes[0] = bytes[0] & 0x3f | 0x40
        return Certificate.SerialNumber(bytes: bytes)
    }

    static func pem(_ certificate: Certificate) throws(CertificateFault) -> String {
        do { return try certificate.serializeAsPEM().pemString + "\n" } catch { throw .unmakeable("\(error)") }
    }

    fileprivate static func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}

extension CertificateAuthority {
    /// Whether a text is a certificate of any issuer.
    package static func isCertificate(_ pem: String) -> Bool { (try? Certificate(pemEncoded: pem)) != nil }

    /// Whether a certificate was issued by the CA of any frost, so that it can be replaced and removed without asking.
    /// This is not a proof, and none is needed.
    package static func isOfSome(certificatePEM: String) -> Bool {
        guard let certificate = try? Certificate(pemEncoded: certificatePEM) else { return false }
        return certificate.issuer.contains { attributes in
            attributes.contains { attribute in
                attribute.type == .RDNAttributeType.commonName
                    && String(attribute.value)?.hasPrefix(subjectStart) == true
            }
        }
    }
}

extension Certificate {
    /// SHA-256 of the certificate in OpenSSL's format: upper case, with a colon between bytes.
    package var fingerprint: String {
        var serializer = DER.Serializer()
        // It was already read from DER, or encoded as DER.
        guard (try? serializer.serialize(self)) != nil else { return "" }
        let bytes = SHA256.hash(data: serializer.serializedBytes)
        return bytes.map { CertificateAuthority.hex($0).uppercased() }.joined(separator: ":")
    }
}
