import Crypto
import Foundation
import SwiftASN1
import TestSupport
import Testing
import X509

@testable import FrostCertificates

@Suite struct CertificateAuthorityTests {
    @Test(
        "OpenSSL verifies what is issued, strictly: for the hostname, not for another, not by another CA",
        arguments: [
            ("*.pg.shop.example.net", "dev.pg.shop.example.net"), ("pg.example.net", "pg.example.net"),
            // No common name: it would be too long.
            (
                "*.pg.\(String(repeating: "p", count: 63)).\(String(repeating: "b", count: 63)).example.net",
                "\(String(repeating: "d", count: 63)).pg.\(String(repeating: "p", count: 63)).\(String(repeating: "b", count: 63)).example.net"
            ),
            ("*.pg.xn--bcher-kva.localhost", "main.pg.xn--bcher-kva.localhost"),
        ]
    )
    func verifies(name: String, hostname: String) async throws {
        let own = try Authority()
        let other = try Authority()
        defer { [own, other].forEach { $0.directory.remove() } }
        _ = try own.issue(name)
        let right = try await own.verify(hostname: hostname)
        #expect(right.isSuccess, "\(right.output)\(right.errors)")
        let wrong = try await own.verify(hostname: "other.\(hostname)")
        #expect(!wrong.isSuccess && wrong.errors.contains("hostname mismatch"), "\(wrong.errors)")
        let unknown = try await own.verify(hostname: hostname, trusting: other.certFile)
        #expect(!unknown.isSuccess, "\(unknown.output)")
        let itself = try await Command.run(
            "openssl",
            ["verify", "-x509_strict", "-check_ss_sig", "-CAfile", own.certFile, own.certFile]
        )
        #expect(itself.isSuccess, "\(itself.errors)")
    }

    @Test("Python's strict flags, on from 3.13, take part in a handshake")
    func pythonHandshake() async throws {
        let own = try Authority()
        defer { own.directory.remove() }
        _ = try own.issue("*.pg.shop.example.net")
        _ = try own.issue("*.pg.\(String(repeating: "p", count: 63)).example.net", to: "long")
        let other = try Authority()
        defer { other.directory.remove() }
        let long = "dev.pg.\(String(repeating: "p", count: 63)).example.net"
        for (file, hostname, trusted, expected) in [
            ("leaf", "dev.pg.shop.example.net", own, "TLSv1.3"), ("long", long, own, "TLSv1.3"),
            ("leaf", "dev.pg.other.example.net", own, "Hostname mismatch"),
            ("leaf", "dev.pg.shop.example.net", other, "unable to get local issuer certificate"),
        ] {
            let result = try await Command.run(
                "python3",
                ["-c", Self.handshake, trusted.certFile, own.directory.file(file), hostname]
            )
            #expect(result.output.contains(expected), "\(file) \(hostname): \(result.output)\(result.errors)")
        }
    }

    /// Two ends in memory.
    private static let handshake = """
        import ssl, sys
        ca, pair, hostname = sys.argv[1:]
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(pair + ".crt", pair + ".key")
        client = ssl.create_default_context(cafile=ca)
        client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        there = server.wrap_bio(to_server, to_client, server_side=True)
        here = client.wrap_bio(to_client, to_server, server_hostname=hostname)
        try:
            done = 0
            while done < 2:
                done = 0
                for end in (here, there):
                    try:
                        end.do_handshake()
                        done += 1
                    except ssl.SSLWantReadError:
                        pass
            print(here.version())
        except ssl.SSLCertVerificationError as error:
            print(error.verify_message)
        """

    @Test("A CA: ten years, may issue leaves and nothing else, a name that tells its host apart")
    func authority() throws {
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        let authority = try CertificateAuthority.make(for: "db1.example.net", at: now)
        let certificate = authority.certificate
        #expect(try certificate.extensions.basicConstraints == .isCertificateAuthority(maxPathLength: 0))
        #expect(try certificate.extensions.keyUsage == KeyUsage(keyCertSign: true, cRLSign: true))
        #expect(try certificate.extensions.subjectKeyIdentifier != nil)
        for oid: ASN1ObjectIdentifier in [.X509ExtensionID.basicConstraints, .X509ExtensionID.keyUsage] {
            #expect(certificate.extensions[oid: oid]?.critical == true)
        }
        let years = Calendar(identifier: .gregorian).dateComponents([.year], from: now, to: certificate.notValidAfter)
        #expect(years.year == 10)
        #expect(certificate.notValidBefore < now)
        #expect("\(certificate.subject)".contains("Frost CA db1.example.net "))
        let again = try CertificateAuthority.make(for: "db1.example.net", at: now)
        #expect(again.certificate.subject != certificate.subject)
        for host in ["", String(repeating: "h", count: 200), "b\u{fc}ro \u{1F4BE}\n,CN=x"] {
            let other = try CertificateAuthority.make(for: host, at: now)
            let name = try #require(other.certificate.subject.first?.first.flatMap { String($0.value) })
            #expect(name.hasPrefix("Frost CA ") && name.utf8.count <= 64, "\(name)")
            #expect(name.allSatisfy { $0.isLetter || $0.isNumber || " .-".contains($0) }, "\(name)")
        }
    }

    @Test("A leaf: one name, TLS servers only, 90 days, an identifier of who has issued it")
    func leaf() throws {
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        let authority = try CertificateAuthority.make(for: "db1", at: now)
        let issued = try authority.issue("*.pg.shop.example.net", at: now)
        let leaf = try Certificate(pemEncoded: issued.certificatePEM)
        #expect(leaf.dnsNames == ["*.pg.shop.example.net"])
        #expect(try leaf.extensions.basicConstraints == .notCertificateAuthority)
        #expect(try leaf.extensions.keyUsage == KeyUsage(digitalSignature: true))
        #expect(leaf.extensions[oid: .X509ExtensionID.keyUsage]?.critical == true)
        #expect(try leaf.extensions.extendedKeyUsage == ExtendedKeyUsage([.serverAuth]))
        #expect(
            try leaf.extensions.authorityKeyIdentifier?.keyIdentifier
                == authority.certificate.extensions.subjectKeyIdentifier?.keyIdentifier
        )
        #expect(try leaf.extensions.subjectKeyIdentifier != nil)
        #expect(leaf.notValidBefore < now && leaf.notValidAfter == now.addingTimeInterval(90 * 86_400))
        let long = try Certificate(
            pemEncoded: authority.issue("*.pg.\(String(repeating: "p", count: 63)).net", at: now).certificatePEM
        )
        #expect(long.subject.isEmpty)
        #expect(long.extensions[oid: .X509ExtensionID.subjectAlternativeName]?.critical == true)
        // Neither outlives the CA.
        let late = authority.notAfter.addingTimeInterval(-86_400)
        let last = try Certificate(pemEncoded: authority.issue("*.pg.shop.example.net", at: late).certificatePEM)
        #expect(last.notValidAfter == authority.notAfter)
    }

    @Test("Serial numbers are positive, of 20 bytes, and no two the same")
    func serials() throws {
        let authority = try CertificateAuthority.make(for: "", at: .now)
        var seen: Set<Certificate.SerialNumber> = []
        for _ in 0..<200 {
            let leaf = try Certificate(pemEncoded: authority.issue("a.example.net", at: .now).certificatePEM)
            #expect(leaf.serialNumber.bytes.count == 20)
            #expect((0x40...0x7f).contains(leaf.serialNumber.bytes.first ?? 0))
            #expect(seen.insert(leaf.serialNumber).inserted)
        }
    }

    @Test("A CA is the same after it was kept; one that is damaged says in what way")
    func kept() throws {
        let now = Date.now
        let authority = try CertificateAuthority.make(for: "db1", at: now)
        let (certificate, key) = (try authority.certificatePEM(), authority.keyPEM)
        let again = try CertificateAuthority(certificatePEM: certificate, keyPEM: key, at: now)
        #expect(again.certificate.fingerprint == authority.certificate.fingerprint)
        #expect(CertificateAuthority.isOfSome(certificatePEM: certificate))
        let other = try CertificateAuthority.make(for: "db1", at: now)
        let leaf = try authority.issue("a.example.net", at: now)
        let rsa = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"
        for (certificate, key, fault) in [
            ("", key, CertificateFault.certificateUnreadable),
            (String(certificate.dropLast(40)), key, .certificateUnreadable),
            (String(repeating: "\u{0}", count: 500), key, .certificateUnreadable), (key, key, .certificateUnreadable),
            (certificate, "", .keyUnreadable), (certificate, String(key.dropLast(40)), .keyUnreadable),
            (certificate, certificate, .keyUnreadable), (certificate, rsa, .keyUnreadable),
            (certificate, other.keyPEM, .otherKey), (leaf.certificatePEM, leaf.keyPEM, .notAuthority),
        ] {
            #expect(throws: fault) {
                _ = try CertificateAuthority(certificatePEM: certificate, keyPEM: key, at: now)
            }
        }
        #expect(throws: CertificateFault.expired(authority.notAfter)) {
            _ = try CertificateAuthority(certificatePEM: certificate, keyPEM: key, at: authority.notAfter)
        }
    }

    @Test("The fingerprint is what OpenSSL says")
    func fingerprint() async throws {
        let own = try Authority()
        defer { own.directory.remove() }
        let said = try await Command.check(
            "openssl",
            ["x509", "-in", own.certFile, "-noout", "-fingerprint", "-sha256"]
        )
        #expect(said.lowercased().hasPrefix("sha256 fingerprint="))
        #expect(said.contains(own.authority.certificate.fingerprint))
    }
}
