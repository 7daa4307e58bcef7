import GatewayCore
import PostgresGateway
import TestSupport
import Testing

@Suite struct CertificateTableTests {
    @Test("Files that cannot be used are named, with what is wrong")
    func faults() async throws {
        let directory = try TemporaryDirectory("certificates")
        defer { directory.remove() }
        let one = try await SelfSignedCertificate.make(in: directory, name: "one", for: ["one.example"])
        let two = try await SelfSignedCertificate.make(in: directory, name: "two", for: ["two.example"])
        try directory.write("nonsense", to: "bad.pem")
        try directory.write("", to: "empty.pem")
        let bad = directory.file("bad.pem")
        let cases: [(cert: String, key: String, named: [String])] = [
            (directory.file("none.crt"), one.keyFile, [directory.file("none.crt")]),
            (one.certFile, directory.file("none.key"), [directory.file("none.key")]),
            (bad, one.keyFile, [bad, "certificate"]), (directory.file("empty.pem"), one.keyFile, ["empty.pem"]),
            (one.certFile, bad, [bad, "key"]), (one.certFile, two.keyFile, [one.certFile, two.keyFile, "match"]),
            (one.keyFile, one.keyFile, [one.keyFile]), (one.certFile, one.certFile, [one.certFile]),
        ]
        for (cert, key, named) in cases {
            let error = #expect(throws: ConfigurationError.self) {
                try CertificateStore(.pair(certFile: cert, keyFile: key))
            }
            for name in named { #expect(error?.description.contains(name) == true, "\(error?.description ?? "")") }
        }
        _ = try CertificateStore(.pair(certFile: one.certFile, keyFile: one.keyFile))
    }

    @Test("A directory: exact name, wildcard of one label, else the pair for all others")
    func directory() async throws {
        let directory = try TemporaryDirectory("certificates")
        defer { directory.remove() }
        for (name, host) in [
            ("dev.pg.shop.example", "dev.pg.shop.example"), ("wildcard_.pg.shop.example", "*.pg.shop.example"),
        ] {
            _ = try await SelfSignedCertificate.make(in: directory, name: name, for: [host])
        }
        let store = try CertificateStore(.directory(directory.path, fallback: nil)).current
        let exact = store.context(serverName: "DEV.pg.shop.example.")
        let wildcard = store.context(serverName: "qa.pg.shop.example")
        #expect(exact !== wildcard)
        #expect(store.context(serverName: "main.pg.shop.example") === wildcard)
        // One label only, and not the name itself.
        for other in ["a.qa.pg.shop.example", "pg.shop.example", "other.example", "ä", "127.0.0.1"] {
            #expect(store.context(serverName: other) === store.context(serverName: nil))
        }
    }

    @Test("A directory that is missing, empty, or has a file of another name or without its key")
    func directoryFaults() async throws {
        let directory = try TemporaryDirectory("certificates")
        defer { directory.remove() }
        for path in [directory.file("none"), directory.path] {
            let error = #expect(throws: ConfigurationError.self) {
                try CertificateStore(.directory(path, fallback: nil))
            }
            #expect(error?.description.contains(path) == true)
        }
        for name in ["a..b.crt", "lonely.example.crt"] {
            try directory.write("x", to: name)
            let error = #expect(throws: ConfigurationError.self) {
                try CertificateStore(.directory(directory.path, fallback: nil))
            }
            #expect(error?.description.contains(name.dropLast(4)) == true, "\(error?.description ?? "")")
            try await Command.check("rm", [directory.file(name)])
        }
    }
}
