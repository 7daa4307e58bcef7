import COpenSSL
package import Foundation

/// A certificate and key minted for one run by `Tests/certificate.sh`.
package struct SelfSignedCertificate: Sendable {
    package let certFile: String
    package let keyFile: String

    package static func make(
        in directory: TemporaryDirectory,
        name: String = "server",
        for names: [String]
    ) async throws -> SelfSignedCertificate {
        let path = directory.file(name)
        try await Command.check("\(Checkout.root)/Tests/certificate.sh", [path] + names)
        return SelfSignedCertificate(certFile: "\(path).crt", keyFile: "\(path).key")
    }

    /// Signs the certificate again with other dates, given as distances from now in seconds.
    package func redate(notBefore: TimeInterval, notAfter: TimeInterval) throws {
        guard let key = try Self.read(keyFile, { PEM_read_bio_PrivateKey($0, nil, nil, nil) }) else {
            throw Command.Failure("\(keyFile) has no key")
        }
        defer { EVP_PKEY_free(key) }
        guard let certificate = try Self.read(certFile, { PEM_read_bio_X509($0, nil, nil, nil) }) else {
            throw Command.Failure("\(certFile) has no certificate")
        }
        defer { X509_free(certificate) }
        X509_gmtime_adj(X509_getm_notBefore(certificate), Int(notBefore))
        X509_gmtime_adj(X509_getm_notAfter(certificate), Int(notAfter))
        guard X509_sign(certificate, key, EVP_sha256()) > 0, let output = BIO_new_file(certFile, "w") else {
            throw Command.Failure("\(certFile) cannot be signed again")
        }
        defer { BIO_free(output) }
        PEM_write_bio_X509(output, certificate)
    }

    private static func read<Value>(_ path: String, _ parse: (OpaquePointer) -> Value?) throws -> Value? {
        guard let input = BIO_new_file(path, "r") else { throw Command.Failure("\(path) cannot be read") }
        defer { BIO_free(input) }
        return parse(input)
    }
}
