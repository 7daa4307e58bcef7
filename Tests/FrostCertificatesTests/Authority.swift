import Foundation
import TestSupport

@testable import FrostCertificates

/// A CA and certificates in files, for programs that verify them.
struct Authority {
    let authority: CertificateAuthority
    let directory: TemporaryDirectory

    var certFile: String { directory.file("ca.crt") }

    init(host: String = "db1.example.net", at now: Date = .now) throws {
        directory = try TemporaryDirectory("certificates")
        authority = try CertificateAuthority.make(for: host, at: now)
        try directory.write(authority.certificatePEM(), to: "ca.crt")
    }

    func issue(_ name: String, to file: String = "leaf", at now: Date = .now) throws -> CertificateAuthority.Issued {
        let issued = try authority.issue(name, at: now)
        try directory.write(issued.certificatePEM, to: "\(file).crt")
        try directory.write(issued.keyPEM, to: "\(file).key")
        return issued
    }

    /// As clients do, by OpenSSL's strict reading of RFC 5280.
    func verify(_ file: String = "leaf", hostname: String, trusting certFile: String? = nil) async throws
        -> Command.Result
    {
        try await Command.run(
            "openssl",
            [
                "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", hostname, "-CAfile",
                certFile ?? self.certFile, directory.file("\(file).crt"),
            ]
        )
    }
}
