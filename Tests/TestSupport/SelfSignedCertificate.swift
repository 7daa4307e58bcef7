/// A certificate and key minted for one run by `scripts/certificate.sh`.
package struct SelfSignedCertificate: Sendable {
    package let certFile: String
    package let keyFile: String

    package static func make(
        in directory: TemporaryDirectory,
        name: String = "server",
        for names: [String]
    ) async throws -> SelfSignedCertificate {
        let path = directory.file(name)
        try await Command.check("\(Checkout.root)/scripts/certificate.sh", [path] + names)
        return SelfSignedCertificate(certFile: "\(path).crt", keyFile: "\(path).key")
    }
}
