import Crypto
package import Foundation
import SwiftASN1
package import X509

/// The own CA: issues a certificate for each name, and says when another one is due.
///
/// ECDSA on P-256. It carries no name constraints: what hostnames end in can be changed by a setting, and a CA that was
/// bound to the old base would have to be replaced at every client.
package struct CertificateAuthority: Sendable {
    /// Of the CA, in calendar years.
    package static let lifetimeInYears = 10
    /// Of issued certificates, in seconds: 90 days, but never beyond the CA's own expiry.
    package static let leafLifetime: TimeInterval = 90 * 86_400
    /// How long before its expiry frost warns, in seconds: 90 days, the lifetime of issued certificates.
    package static let warning: TimeInterval = 90 * 86_400
    /// How far certificates reach back, in seconds: clocks of clients may be slow.
    private static let clockTolerance: TimeInterval = 3_600
    /// What every subject begins with.
    private static let subjectStart = "Frost CA "
    /// Longest common name, in characters (RFC 5280, appendix A.1, ub-common-name).
    static let maximumCommonName = 64
    /// Of a serial number, in bytes (RFC 5280 section 4.1.2.2).
    private static let serialLength = 20

    package let certificate: Certificate
    private let key: P256.Signing.PrivateKey

    private init(_ certificate: Certificate, _ key: P256.Signing.PrivateKey) {
        self.certificate = certificate
        self.key = key
    }

    /// Makes a new CA.
    ///
    /// - Parameter host: what tells it from those of other hosts; characters that a name cannot have are left out.
    /// - Throws: ``CertificateFault/unmakeable(_:)``.
    package static func make(for host: String, at now: Date) throws(CertificateFault) -> CertificateAuthority {
        let key = P256.Signing.PrivateKey()
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        guard let end = calendar.date(byAdding: .year, value: lifetimeInYears, to: now) else {
            throw .unmakeable("there is no date \(lifetimeInYears) years from \(now)")
        }
        let publicKey = Certificate.PublicKey(key.publicKey)
        // Two of one host are told apart too: that of a frost that is only tried out, say.
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

    /// Takes a CA as it is kept.
    ///
    /// - Parameters:
    ///   - certificatePEM: what ``certificatePEM`` was.
    ///   - keyPEM: what ``keyPEM`` was.
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

    // MARK: What it issues

    /// A certificate with its key, both PEM.
    package struct Issued: Sendable {
        package var certificatePEM: String
        package var keyPEM: String
    }

    /// Issues a certificate for a name, with a key of its own.
    ///
    /// - Parameter name: a hostname, or `*.` and one; in lower case.
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
        // Longer ones have no subject, and the name that counts becomes critical (RFC 5280 section 4.2.1.6).
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

    /// Of all that RFC 5280 allows, as many bits as are always the same length.
    private static func makeSerial() -> Certificate.SerialNumber {
        var generator = SystemRandomNumberGenerator()
        var bytes = (0..<serialLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        // Positive, and not shorter: the first byte is 0x40 to 0x7f.
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

    /// Whether a certificate was issued by a CA of a frost, this one or another: what may be replaced and removed without
    /// asking. Not a proof, and none is needed.
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
    /// SHA-256 of the certificate, as OpenSSL writes it: upper case, a colon between two bytes.
    package var fingerprint: String {
        var serializer = DER.Serializer()
        // It was read from DER, or made into it, already.
        guard (try? serializer.serialize(self)) != nil else { return "" }
        let bytes = SHA256.hash(data: serializer.serializedBytes)
        return bytes.map { CertificateAuthority.hex($0).uppercased() }.joined(separator: ":")
    }
}
