import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// scripts/certificate-deploy-hook.sh, as certbot and lego call it.
@Suite struct DeployHookTests {
    private static let script = "\(Checkout.root)/scripts/certificate-deploy-hook.sh"

    /// A lineage of certbot's with a certificate of several names, and a directory of the gateway's.
    private struct Host {
        let directory: TemporaryDirectory
        let lineage: String
        let pairs: String
        let chain: String
        let key: String

        init() async throws {
            directory = try TemporaryDirectory("hook")
            lineage = try directory.directory("live").path
            pairs = try directory.directory("tls").path
            let made = try await SelfSignedCertificate.make(
                in: directory,
                for: ["*.pg.shop.example.net", "pg.shop.example.net"]
            )
            chain = try String(contentsOfFile: made.certFile, encoding: .utf8)
            key = try String(contentsOfFile: made.keyFile, encoding: .utf8)
            try directory.write(chain, to: "live/fullchain.pem")
            try directory.write(key, to: "live/privkey.pem")
        }

        var group: String { String(getgrgid(getegid()).map { String(cString: $0.pointee.gr_name) } ?? "root") }

        func run(_ environment: [String: String]) async throws -> Command.Result {
            // Nothing of this process's own; as bare as certbot's.
            let variables = ["PATH=/usr/bin:/bin"] + environment.map { "\($0.key)=\($0.value)" }
            return try await Command.run("env", ["-i"] + variables + [DeployHookTests.script])
        }

        var certbot: [String: String] {
            [
                "RENEWED_LINEAGE": lineage, "RENEWED_DOMAINS": "*.pg.shop.example.net pg.shop.example.net",
                "CERT_DIR": pairs, "CERT_GROUP": group,
            ]
        }

        var names: Set<String> { Set((try? FileManager.default.contentsOfDirectory(atPath: pairs)) ?? []) }
    }

    @Test("As certbot calls it: a pair for each name, which the gateway takes, for its group to read")
    func certbot() async throws {
        let host = try await Host()
        defer { host.directory.remove() }
        let expected: Set = [
            "wildcard_.pg.shop.example.net.crt", "wildcard_.pg.shop.example.net.key", "pg.shop.example.net.crt",
            "pg.shop.example.net.key",
        ]
        // A renewal comes over what is there.
        for _ in 0..<2 {
            let result = try await host.run(host.certbot)
            #expect(result.isSuccess, "\(result.errors)")
            #expect(host.names == expected)
        }
        for name in expected {
            let path = "\(host.pairs)/\(name)"
            var found = stat()
            #expect(stat(path, &found) == 0 && found.st_mode & 0o7777 == 0o640 && found.st_gid == getegid())
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(text == (name.hasSuffix(".key") ? host.key : host.chain))
        }
        try host.directory.write(
            #"{"version": 1, "generatedAt": "2026-01-01T00:00:00Z", "routes": [], "stopped": []}"#,
            to: "routes.json"
        )
        let checked = try await Command.run(
            Checkout.program("postgres-gateway"),
            ["check", "--cert-dir", host.pairs, "--route-file", host.directory.file("routes.json")]
        )
        #expect(checked.isSuccess && checked.output.contains("2 certificates"), "\(checked.output)\(checked.errors)")
    }

    @Test("As lego calls it")
    func lego() async throws {
        let host = try await Host()
        defer { host.directory.remove() }
        let result = try await host.run([
            "LEGO_CERT_DOMAIN": "*.pg.shop.example.net", "LEGO_CERT_PATH": "\(host.lineage)/fullchain.pem",
            "LEGO_CERT_KEY_PATH": "\(host.lineage)/privkey.pem", "CERT_DIR": host.pairs, "CERT_GROUP": host.group,
        ])
        #expect(result.isSuccess, "\(result.errors)")
        #expect(host.names == ["wildcard_.pg.shop.example.net.crt", "wildcard_.pg.shop.example.net.key"])
    }

    @Test("What cannot be done is said in one line, and what was there stays")
    func faults() async throws {
        let host = try await Host()
        defer { host.directory.remove() }
        #expect(try await host.run(host.certbot).isSuccess)
        let before = host.names
        try host.directory.write("no certificate", to: "bad.pem")
        for (changes, words) in [
            (["RENEWED_LINEAGE": ""], "neither RENEWED_LINEAGE nor LEGO_CERT_PATH is set"),
            (["RENEWED_DOMAINS": ""], "RENEWED_DOMAINS is not set"),
            (["CERT_DIR": host.directory.file("nowhere")], "there is no directory"),
            (["RENEWED_LINEAGE": host.directory.file("nowhere")], "could not read"),
            (["CERT_GROUP": "no-such-group"], "there is no group no-such-group"),
            (["RENEWED_DOMAINS": "a.example.net ../../etc/passwd"], "is not a hostname; nothing was installed"),
            (["RENEWED_DOMAINS": "* a.example.net"], "is not a hostname; nothing was installed"),
            (
                [
                    "RENEWED_LINEAGE": "", "LEGO_CERT_PATH": host.directory.file("bad.pem"),
                    "LEGO_CERT_KEY_PATH": "\(host.lineage)/privkey.pem", "LEGO_CERT_DOMAIN": "a.example.net",
                ], "contains no PEM certificate"
            ),
        ] as [([String: String], String)] {
            let result = try await host.run(host.certbot.merging(changes) { $1 })
            #expect(result.exitCode == 1, "\(changes)")
            let lines = result.errors.split(separator: "\n")
            #expect(lines.count == 1 && lines.first?.contains(words) == true, "\(changes): \(result.errors)")
            #expect(host.names == before)
        }
    }
}
