import Foundation
import GatewayContract
import PostgresGateway
import TestSupport
import Testing

/// What is said of files that cannot be used: the variable, the file, the cause.
@Suite struct CertificateFaultTests {
    private func complaint(cert: String, key: String) -> String {
        let error = #expect(throws: ConfigurationError.self) {
            try CertificateStore(.pair(certFile: cert, keyFile: key))
        }
        return error?.description ?? ""
    }

    @Test("Keys that cannot be used are told apart")
    func keys() async throws {
        let directory = try TemporaryDirectory("keys")
        defer { directory.remove() }
        let pair = try await SelfSignedCertificate.make(in: directory, for: ["a.example"])
        let key = directory.file("other.key")
        let cases: [(arguments: [String], cause: String)] = [
            (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "EC key on secp256k1"),
            (["ecparam", "-name", "secp256k1", "-genkey", "-noout"], "EC key on secp256k1"),
            (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"], "Brainpool"),
            (["genpkey", "-algorithm", "ED448"], "Ed448"),
            (
                [
                    "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-aes128", "-pass",
                    "pass:x",
                ], "encrypted"
            ),
            (["genrsa", "-traditional", "-aes128", "-passout", "pass:x", "2048"], "encrypted"),
        ]
        for (arguments, cause) in cases {
            // genrsa takes its number last.
            let isRSA = arguments.first == "genrsa"
            let output = ["-out", key]
            try await Command.check(
                "openssl",
                isRSA ? arguments.dropLast() + output + arguments.suffix(1) : arguments + output
            )
            let text = complaint(cert: pair.certFile, key: key)
            for part in [
                cause, key, GatewayVariable.keyFile.environmentName, "contains a private key that cannot be used",
            ] {
                #expect(text.contains(part), "\(arguments): \(text)")
            }
        }
        let whole = try String(contentsOfFile: pair.keyFile, encoding: .utf8)
        try directory.write(String(whole.prefix(60)), to: "other.key")
        #expect(complaint(cert: pair.certFile, key: key).contains("truncated or corrupted"))
        for text in ["", "nonsense", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
            try directory.write(text, to: "other.key")
            #expect(complaint(cert: pair.certFile, key: key).contains("contains no PEM private key"))
        }
    }

    @Test("A chain and a key that do not go together")
    func mismatch() async throws {
        let directory = try TemporaryDirectory("mismatch")
        defer { directory.remove() }
        let one = try await SelfSignedCertificate.make(in: directory, name: "one", for: ["a.example"])
        let two = try await SelfSignedCertificate.make(in: directory, name: "two", for: ["a.example"])
        let text = complaint(cert: one.certFile, key: two.keyFile)
        for part in [GatewayVariable.keyFile.environmentName, one.certFile, two.keyFile, "does not match"] {
            #expect(text.contains(part), "\(text)")
        }
    }

    @Test("A certificate that is no certificate, and files that are not there")
    func certificates() async throws {
        let directory = try TemporaryDirectory("chains")
        defer { directory.remove() }
        let pair = try await SelfSignedCertificate.make(in: directory, for: ["a.example"])
        try directory.write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", to: "bad.crt")
        for (file, problem) in [
            ("bad.crt", "contains a certificate that cannot be used: "), ("server.key", "contains no PEM certificate"),
            ("none.crt", "cannot be read: No such file"),
        ] {
            let text = complaint(cert: directory.file(file), key: pair.keyFile)
            #expect(text.contains("\(directory.file(file)) \(problem)"), "\(text)")
            #expect(text.hasPrefix(GatewayVariable.certFile.environmentName), "\(text)")
        }
        #expect(
            complaint(cert: pair.certFile, key: directory.file("none")).hasPrefix("FROST_POSTGRES_GATEWAY_KEY_FILE")
        )
    }
}
