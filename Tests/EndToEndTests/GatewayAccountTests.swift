import Foundation
import NIOCore
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The gateway that `frost up` runs as root: what it may do, what it is given, and its certificates.
@Suite(.enabled(if: geteuid() == 0, "whoever is not root has no rights to give up")) struct GatewayAccountTests {
    private func withUp(
        _ host: FrostHost,
        _ certificates: [String],
        port: Int? = nil,
        _ body: @Sendable () async throws -> Void
    ) async throws {
        let port = port ?? host.port
        try await Program.whileRunning(
            Checkout.program("frost"),
            [
                "up", "--no-example", "--port", String(port), "--listen-address", "127.0.0.1", "--api-address", "none",
            ] + certificates,
            environment: host.environment.merging([
                "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": "127.0.0.1:0", "FROST_POSTGRES_GATEWAY_LOG_FORMAT": "text",
                "OPERATORS_SECRET": "not for the gateway",
            ]) { $1 },
            port: port,
            log: host.directory.file("up.log")
        ) { _ in try await body() }
    }

    private func gateway(_ host: FrostHost, _ file: String) throws -> String {
        let record = try String(contentsOfFile: host.directory.file("data/gateway.pid"), encoding: .utf8)
        return try String(contentsOfFile: "/proc/\(record.prefix { $0 != " " })/\(file)", encoding: .utf8)
    }

    private func fingerprint(_ host: FrostHost) throws -> String {
        let raw = try RawConnection(port: host.port)
        try raw.send(ByteBuffer.sslRequest.bytes)
        _ = try raw.receive(atMost: 1)
        let tls = try TLSConnection(raw, serverName: "main.pg.shop.localhost")
        try tls.handshake()
        return "\(tls.certificateFingerprint)"
    }

    @Test(
        "It has no rights of root's, no groups, no variable but its own, and takes up certificates only root may read"
    )
    func account() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let pair = host.certificate
            for file in [pair.certFile, pair.keyFile] {
                #expect(chmod(file, 0o600) == 0)
                #expect(chown(file, 0, 0) == 0)
            }
            try await withUp(host, ["--cert-file", pair.certFile, "--key-file", pair.keyFile]) {
                try await eventually("main answers") {
                    try await host.psql("main", "SELECT branch FROM mark").output == "main\n"
                }
                let status = try gateway(host, "status")
                let entry = try #require(getpwnam("postgres-gateway") ?? getpwnam("nobody"))
                let (uid, gid) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
                #expect(status.contains("Uid:\t\(uid)\t\(uid)\t\(uid)\t\(uid)\n"), "\(status)")
                #expect(status.contains("Gid:\t\(gid)\t\(gid)\t\(gid)\t\(gid)\n"), "\(status)")
                #expect(status.contains(/Groups:\s*\n/), "\(status)")
                for set in ["Inh", "Prm", "Eff", "Bnd", "Amb"] {
                    #expect(status.contains("Cap\(set):\t0000000000000000\n"), "\(status)")
                }
                #expect(status.contains("NoNewPrivs:\t1\n"), "\(status)")
                let variables = try gateway(host, "environ").split(separator: "\0")
                #expect(!variables.contains { $0.hasPrefix("OPERATORS_SECRET") || $0.hasPrefix("FROST_DATA_DIR") })
                #expect(variables.contains("FROST_POSTGRES_GATEWAY_LOG_FORMAT=text"))

                let before = try fingerprint(host)
                let renewed = try await SelfSignedCertificate.make(
                    in: host.directory,
                    name: "renewed",
                    for: ["*.pg.shop.localhost"]
                )
                try await Command.check("mv", [renewed.certFile, pair.certFile])
                try await Command.check("mv", [renewed.keyFile, pair.keyFile])
                #expect(chmod(pair.keyFile, 0o600) == 0)
                try await eventually("it has the new certificate") { try fingerprint(host) != before }
                #expect(try await host.psql("main", "SELECT branch FROM mark").output == "main\n")

                let key = host.directory.file("data/gateway/pair.key")
                let attributes = try FileManager.default.attributesOfItem(atPath: key)
                #expect(attributes[.posixPermissions] as? Int == 0o640)
                #expect(attributes[.ownerAccountID] as? Int == 0)
                #expect(attributes[.groupOwnerAccountID] as? Int == Int(gid))
            }
        }
    }

    @Test("A certificate directory is followed: pairs that come, and pairs that go, also while frost up is down")
    func directory() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let certificates = try host.directory.directory("certificates")
            // As a frost up before this one left it, of a pair that is gone since.
            let stale = host.directory.file("data/gateway/certificates/stale.key")
            try await Command.check("mkdir", ["-p", host.directory.file("data/gateway/certificates")])
            try await Command.check("touch", [stale])
            #expect(chmod(certificates.path, 0o700) == 0)
            _ = try await SelfSignedCertificate.make(in: certificates, name: "one", for: ["*.pg.shop.localhost"])
            try await withUp(host, ["--cert-dir", certificates.path]) {
                try await eventually("main answers") {
                    try await host.psql("main", "SELECT branch FROM mark").output == "main\n"
                }
                #expect(!FileManager.default.fileExists(atPath: stale))
                let before = try fingerprint(host)
                _ = try await SelfSignedCertificate.make(in: certificates, name: "two", for: ["*.pg.shop.localhost"])
                for ending in ["crt", "key"] { try await Command.check("rm", [certificates.file("one.\(ending)")]) }
                try await eventually("it has the other") { try fingerprint(host) != before }
                let copy = host.directory.file("data/gateway/certificates/one.key")
                try await eventually("the copy of the first is gone") {
                    !FileManager.default.fileExists(atPath: copy)
                }
            }
        }
    }

    @Test(
        "A file that is not there, a program that does not run, a map that the account cannot reach: told by their names"
    )
    func faults() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let arguments = ["up", "--no-example", "--api-address", "none", "--port", String(host.port)]
            let missing = try await host.frost(
                arguments + ["--cert-file", "/nowhere/server.crt", "--key-file", host.certificate.keyFile]
            )
            #expect(missing.exitCode == 78 && missing.errors.contains("/nowhere/server.crt"), "\(missing.errors)")
            let pair = ["--cert-file", host.certificate.certFile, "--key-file", host.certificate.keyFile]
            try host.directory.write("#!/bin/sh\necho it is broken >&2\nexit 3\n", to: "postgres-gateway")
            #expect(chmod(host.directory.file("postgres-gateway"), 0o755) == 0)
            let broken = try await host.frost(
                arguments + pair,
                environment: ["FROST_GATEWAY_PROGRAM": host.directory.file("postgres-gateway")]
            )
            #expect(broken.exitCode == 64, "\(broken.errors)")
            #expect(
                broken.errors.contains("\(host.directory.file("postgres-gateway")): it is broken"),
                "\(broken.errors)"
            )
            // Its settings are checked as whom it will run as, who can read the certificates; files have the operator's names.
            try host.directory.write(
                """
                #!/bin/sh
                [ "$1" = check ] || exit 0
                echo "as $(id -u)" >&2
                cat "$FROST_POSTGRES_GATEWAY_KEY_FILE" >/dev/null && echo "it has read $FROST_POSTGRES_GATEWAY_KEY_FILE" >&2
                exit 78

                """,
                to: "postgres-gateway"
            )
            #expect(chmod(host.directory.file("postgres-gateway"), 0o755) == 0)
            let key = host.certificate.keyFile
            #expect(chmod(key, 0o600) == 0 && chown(key, 0, 0) == 0)
            let checked = try await host.frost(
                arguments + pair,
                environment: ["FROST_GATEWAY_PROGRAM": host.directory.file("postgres-gateway")]
            )
            let entry = try #require(getpwnam("postgres-gateway") ?? getpwnam("nobody"))
            #expect(checked.exitCode == 78, "\(checked.errors)")
            #expect(checked.errors.contains("as \(entry.pointee.pw_uid)\nit has read \(key)\n"), "\(checked.errors)")
            // Its servers go on; what comes later does not get there.
            #expect(chmod(host.directory.file("data"), 0o700) == 0)
            let closed = try await host.frost(arguments + pair)
            #expect(chmod(host.directory.file("data"), 0o711) == 0)
            #expect(closed.exitCode == 64, "\(closed.errors)")
            #expect(
                closed.errors.contains("cannot read the route map in \(host.directory.file("data"))"),
                "\(closed.errors)"
            )
        }
    }

    @Test("A low port is the one right that it keeps")
    func lowPort() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            // The first that nothing listens on.
            var port = 1_023
            while (try? RawListener(port: port)) == nil { port -= 1 }
            let pair = host.certificate
            try await withUp(host, ["--cert-file", pair.certFile, "--key-file", pair.keyFile], port: port) {
                try await eventually("it is recorded") { (try? gateway(host, "status")) != nil }
                let status = try gateway(host, "status")
                #expect(status.contains("CapEff:\t0000000000000400\n"), "\(status)")
                #expect(status.contains("CapBnd:\t0000000000000400\n"), "\(status)")
                #expect(status.contains("NoNewPrivs:\t1\n"), "\(status)")
            }
        }
    }
}
