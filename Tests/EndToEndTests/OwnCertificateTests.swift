import AsyncHTTPClient
import Foundation
import FrostCertificates
import NIOCore
import TestSupport
import Testing

/// Certificates of frost's own CA, as clients that verify see them through the gateway of `frost up`.
@Suite struct OwnCertificateTests {
    @Test(
        "verify-full works with what frost ca prints; a project made, renamed, or with another base, verifies as well"
    )
    func verifyFull() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let missing = try await host.frost(["ca"])
            #expect(missing.exitCode == 66 && missing.errors.contains("frost up creates it"), "\(missing.errors)")
            try await host.withOwnCertificates { _ in
                let ca = host.directory.file("given.crt")
                try await host.check("ca", "--out", ca)
                try await host.verifies("main", trusting: ca)
                #expect(host.mode("data/ca/ca.key") == 0o600)
                #expect(host.mode("data/ca/ca.crt") == 0o644)

                // The same by every way that people have.
                let text = try String(contentsOfFile: ca, encoding: .utf8)
                let printed = try await host.frost(["ca"])
                #expect(printed.output == text && printed.errors.contains("SHA-256 "), "\(printed.errors)")
                let shown = try JSONDecoder().decode(
                    [String: String].self,
                    from: Data(try await host.check("ca", "--json").utf8)
                )
                #expect(shown["certificate"] == text && shown["path"] == host.directory.file("data/ca/ca.crt"))
                let fingerprint = try await Command.check(
                    "openssl",
                    ["x509", "-in", ca, "-noout", "-fingerprint", "-sha256"]
                )
                #expect(fingerprint.contains(shown["fingerprint"] ?? "none"))
                #expect(try await Self.served(host) == text)

                // Only over a certificate.
                try await host.check("ca", "--out", ca)
                try host.directory.write("mine", to: "mine.txt")
                let refused = try await host.frost(["ca", "--out", host.directory.file("mine.txt")])
                #expect(refused.exitCode == 73 && refused.errors.contains("is not a certificate"), "\(refused.errors)")

                // Another CA, and another name.
                let other = try await SelfSignedCertificate.make(in: host.directory, name: "other", for: ["x"])
                let unknown = try await host.verifyFull("main", trusting: other.certFile)
                #expect(unknown.errors.contains("certificate verify failed"), "\(unknown.errors)")

                let url = try await host.verifyingURL("main", trusting: ca)
                let wrong = try await host.psql(
                    url: url.replacing("@main.pg.shop.", with: "@main.pg.none."),
                    "SELECT 1"
                )
                #expect(wrong.errors.contains("does not match host name"), "\(wrong.errors)")

                try await host.check("project", "create", "crm")
                try await host.check("database", "create", "crm", "--project", "crm")
                try await host.verifies("main", of: "crm", trusting: ca)
                try await host.check("project", "rename", "crm", "sales")
                try await host.verifies("main", of: "crm", trusting: ca)
                try await eventually("the old name's is gone", within: .seconds(90)) {
                    !host.certificates.contains { $0.contains("pg.crm.") }
                }
                try await host.check("settings", "--wildcard-base", "branches.localhost", "--yes")
                try await host.verifies("main", trusting: ca)
                try await host.verifies("main", of: "crm", trusting: ca)
                #expect(host.certificates.contains("wildcard_.pg.sales.branches.localhost.crt"))
            }
            // The next start has the same CA, and so has a gateway that is a unit of its own.
            let before = try String(contentsOfFile: host.directory.file("data/ca/ca.crt"), encoding: .utf8)
            try await host.withOwnCertificates { _ in
                try await host.verifies("main", trusting: host.directory.file("given.crt"))
            }
            #expect(try String(contentsOfFile: host.directory.file("data/ca/ca.crt"), encoding: .utf8) == before)
        }
    }

    private static func served(_ host: FrostHost) async throws -> String {
        let line = host.log().split(separator: "\n").first { $0.contains("page and API: ") }
        let url = line?.split(separator: " ").last.map { "\($0)/ca.crt" } ?? ""
        let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(60))
        return String(buffer: try await response.body.collect(upTo: 64 * 1_024))
    }

    @Test("A certificate that is due is renewed and served; a session that is open goes on")
    func renewal() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let ca = host.directory.file("data/ca/ca.crt")
            try await host.withOwnCertificates { _ in
                try await host.verifies("main", trusting: ca)
                let authority = try CertificateAuthority(
                    certificatePEM: String(contentsOfFile: ca, encoding: .utf8),
                    keyPEM: String(contentsOfFile: host.directory.file("data/ca/ca.key"), encoding: .utf8),
                    at: .now
                )
                // As one that was issued so long ago.
                let due = try authority.issue("*.pg.shop.localhost", at: .now.addingTimeInterval(-80 * 86_400))
                let stem = "data/certificates/wildcard_.pg.shop.localhost"
                let first = try await host.serial()
                async let session = host.psql(
                    url: try await host.verifyingURL("main", trusting: ca),
                    commands: [
                        "SELECT 'begun'", "\\! touch \(host.directory.file("begun"))",
                        "\\! while [ ! -e \(host.directory.file("over")) ]; do sleep 0.1; done", "SELECT 'still there'",
                    ]
                )
                try await eventually("the session has begun", within: .seconds(90)) {
                    FileManager.default.fileExists(atPath: host.directory.file("begun"))
                }
                try host.directory.write(due.keyPEM, to: "\(stem).key")
                try host.directory.write(due.certificatePEM, to: "\(stem).crt")
                // Another name has frost look at once, and not within half a minute.
                try await host.check("project", "create", "other")
                try await host.check("database", "create", "other", "--project", "other")
                try await eventually("another one is served", within: .seconds(90)) {
                    let now = try await host.serial()
                    let file = try String(contentsOfFile: host.directory.file("\(stem).crt"), encoding: .utf8)
                    let issued = try await host.serial(of: "\(stem).crt")
                    return now != first && file != due.certificatePEM && now == issued
                }
                try await host.verifies("main", trusting: ca)
                try host.directory.write("", to: "over")
                let ended = try await session
                #expect(ended.output == "begun\nstill there\n", "\(ended.errors)")
            }
        }
    }

    @Test("With certificates of the operator's there is no CA, and none is made")
    func operators() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { _ in
                try await host.answers()
                #expect(!FileManager.default.fileExists(atPath: host.directory.file("data/ca")))
                #expect(!FileManager.default.fileExists(atPath: host.directory.file("data/certificates")))
                #expect(try await host.frost(["ca"]).exitCode == 66)
                #expect(try await Self.served(host).contains("the CA that issued them"))
            }
        }
    }

    @Test("A CA that has lost its key: told, no other is made, and clients are served with what was issued")
    func lostKey() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let ca = host.directory.file("data/ca/ca.crt")
            let key = host.directory.file("data/ca/ca.key")
            try await host.withOwnCertificates { _ in try await host.verifies("main", trusting: ca) }
            let before = try String(contentsOfFile: ca, encoding: .utf8)
            try await Command.check("rm", [key])
            try await host.withOwnCertificates { _ in
                try await host.verifies("main", trusting: ca)
                #expect(host.log().contains("\(key), is missing; restore it"), "\(host.log())")
            }
            // With nothing that it could serve, it does not start.
            try await Command.check("rm", ["-r", host.directory.file("data/certificates")])
            let refused = try await host.frost(host.ownArguments)
            #expect(refused.exitCode == 74 && refused.errors.contains("\(key), is missing"), "\(refused.errors)")
            #expect(try String(contentsOfFile: ca, encoding: .utf8) == before)
            #expect(!FileManager.default.fileExists(atPath: key))
        }
    }

    @Test("For a gateway that is a unit of its own, certificates are issued into the directory that it reads")
    func unit() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let pairs = host.directory.file("tls")
            try await Program.whileRunning(
                Checkout.program("frost"),
                ["up", "--no-gateway", "--no-example", "--api-address", "none", "--own-cert-dir", pairs],
                environment: host.environment,
                port: nil,
                log: host.directory.file("frost.log")
            ) { _ in
                try await eventually("a certificate is there", within: .seconds(90)) {
                    FileManager.default.fileExists(atPath: "\(pairs)/wildcard_.pg.shop.localhost.crt")
                }
                try await Program.whileRunning(
                    Checkout.program("postgres-gateway"),
                    ["run"],
                    environment: [
                        "FROST_POSTGRES_GATEWAY_ENABLED": "true", "FROST_POSTGRES_GATEWAY_PORT": String(host.port),
                        "FROST_POSTGRES_GATEWAY_LISTEN_ADDRESS": "127.0.0.1",
                        "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": "127.0.0.1:0",
                        "FROST_POSTGRES_GATEWAY_ROUTE_FILE": host.directory.file("data/routes.json"),
                        "FROST_POSTGRES_GATEWAY_CERT_DIR": pairs,
                    ],
                    port: host.port,
                    log: host.directory.file("gateway.log")
                ) { _ in
                    try await host.verifies("main", trusting: host.directory.file("data/ca/ca.crt"))
                }
            }
        }
    }
}

extension FrostHost {
    var ownArguments: [String] {
        [
            "up", "--no-example", "--port", String(port), "--listen-address", "127.0.0.1", "--api-address",
            "127.0.0.1:0",
        ]
    }

    /// While `frost up` runs without certificates of the operator's.
    func withOwnCertificates(_ body: @Sendable (Int32) async throws -> Void) async throws {
        try await Program.whileRunning(
            Checkout.program("frost"),
            ownArguments,
            environment: upEnvironment,
            port: port,
            log: directory.file("up.log"),
            body
        )
    }

    func mode(_ name: String) -> Int? {
        (try? FileManager.default.attributesOfItem(atPath: directory.file(name)))?[.posixPermissions] as? Int
    }

    /// What is in the directory that the gateway reads.
    var certificates: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory.file("data/certificates"))) ?? []
    }

    func verifyingURL(_ branch: String, of database: String = "shop", trusting file: String) async throws -> String {
        let url = try await check("branch", "url", branch, "--database", database)
            .trimmingCharacters(in: .newlines)
        return url.replacing("sslmode=require", with: "sslmode=verify-full&sslrootcert=\(file)")
    }

    func verifyFull(_ branch: String, of database: String = "shop", trusting file: String) async throws
        -> Command.Result
    {
        try await psql(url: verifyingURL(branch, of: database, trusting: file), "SELECT 'verified'")
    }

    /// Waits until psql is content: a new certificate is taken up by the gateway within seconds.
    func verifies(_ branch: String, of database: String = "shop", trusting file: String) async throws {
        try await eventually("\(database)/\(branch) verifies", within: .seconds(90)) {
            try await verifyFull(branch, of: database, trusting: file).output == "verified\n"
        }
    }

    func psql(url: String, commands: [String]) async throws -> Command.Result {
        try await Command.run("psql", ["-XqAt"] + commands.flatMap { ["-c", $0] } + [url])
    }

    /// Of the certificate that the gateway shows for main.
    func serial() async throws -> String {
        try await Command.check(
            "sh",
            [
                "-c",
                "openssl s_client -connect 127.0.0.1:\(port) -starttls postgres -servername main.pg.shop.localhost "
                    + "</dev/null 2>/dev/null | openssl x509 -noout -serial",
            ]
        )
    }

    func serial(of file: String) async throws -> String {
        try await Command.check("openssl", ["x509", "-in", directory.file(file), "-noout", "-serial"])
    }
}
