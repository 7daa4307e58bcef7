import Foundation
import GatewayContract
import GatewayCore
import GatewayHardening
import GatewayTestSupport
import Logging
import PostgresGateway
import RouteMap
import TestSupport
import Testing

/// Which names certificates are for, against those of their files and of the route map.
@Suite struct CertificateCoverageTests {
    private func withDirectory(_ body: (TemporaryDirectory) async throws -> Void) async throws {
        let directory = try TemporaryDirectory("coverage")
        defer { directory.remove() }
        try await body(directory)
    }

    private func table(_ names: [String], in directory: TemporaryDirectory) async throws -> CertificateTable {
        let pair = try await SelfSignedCertificate.make(in: directory, for: names)
        return try CertificateStore(.pair(certFile: pair.certFile, keyFile: pair.keyFile)).current
    }

    @Test("A name covers itself, and a wildcard one label; neither depends on case")
    func names() async throws {
        try await withDirectory { directory in
            let table = try await table(["Dev.pg.shop.example", "*.pg.app.example"], in: directory)
            for name in ["dev.pg.shop.example", "qa.pg.app.example", "xn--a.pg.app.example"] {
                #expect(table.covers(try Hostname(name)), "\(name)")
            }
            for name in [
                "qa.pg.shop.example", "pg.app.example", "a.qa.pg.app.example", "pg.shop.example", "example", "dev",
                "a.dev.pg.shop.example",
            ] {
                #expect(!table.covers(try Hostname(name)), "\(name)")
            }
        }
    }

    @Test("Hostnames of active and of stopped branches are counted, and five are named")
    func uncovered() async throws {
        try await withDirectory { directory in
            let table = try await table(["*.pg.shop.example"], in: directory)
            let routes = try RouteTable(
                routes: [
                    Fixtures.route("dev.pg.shop.example", port: 10_001),
                    Fixtures.route("b.pg.app.example", port: 10_002),
                ],
                stopped: try (0..<6).map { number in
                    StoppedRoute(
                        hostname: try Hostname("c\(number).pg.app.example"),
                        target: Target(id: "t\(number)", name: "c", database: "app", project: "app")
                    )
                }
            )
            let uncovered = table.uncovered(in: routes)
            #expect(uncovered.count == 7)
            #expect(uncovered.first == ["b", "c0", "c1", "c2", "c3"].map { "\($0).pg.app.example" })
            let finding = try #require(Readiness.Finding(uncovered))
            #expect(finding.code == .hostnamesUncovered)
            #expect(finding.message.contains("7 hostnames"))
            #expect(finding.message.hasSuffix("c3.pg.app.example, and 2 more"))
            #expect(Readiness.Finding(table.uncovered(in: .empty)) == nil)
        }
    }

    @Test("What counts is the pair that a client of the name is shown, not any that would do")
    func shown() async throws {
        try await withDirectory { directory in
            _ = try await SelfSignedCertificate.make(in: directory, name: "dev.pg.shop.example", for: ["other.example"])
            _ = try await SelfSignedCertificate.make(
                in: directory,
                name: "wildcard_.pg.shop.example",
                for: ["*.pg.shop.example"]
            )
            let table = try CertificateStore(.directory(directory.path, fallback: nil)).current
            #expect(!table.covers(try Hostname("dev.pg.shop.example")))
            #expect(table.covers(try Hostname("qa.pg.shop.example")))
            #expect(table.misnamed.map(\.name) == ["dev.pg.shop.example"])
            let findings = Readiness.Finding.certificates(table, at: .now)
            #expect(findings.map(\.code) == [.certificateMisnamed])
            #expect(findings.first?.message.contains("dev.pg.shop.example.crt is not for dev.pg.shop.example") == true)
            #expect(findings.first?.message.hasSuffix("but for other.example") == true)
        }
    }

    @Test("Readiness and metrics follow the certificates and the routes")
    func readiness() async throws {
        try await withDirectory { directory in
            let pair = try await SelfSignedCertificate.make(in: directory, for: ["*.pg.app.example"])
            let configure: (inout GatewayConfiguration) -> Void = {
                $0.routeFile = directory.file("routes.json")
                $0.certificates = .pair(certFile: pair.certFile, keyFile: pair.keyFile)
            }
            try await TestGateway.run(routes: [], configure: configure) { gateway in
                func uncovered() -> Int {
                    gateway.server.certificates.uncovered(in: gateway.server.routes).count
                }
                #expect(uncovered() == 0)
                try gateway.install([Fixtures.route("dev.pg.shop.example", port: 10_001)])
                #expect(uncovered() == 1)
                #expect(gateway.server.readiness().warnings.map(\.code) == [.hostnamesUncovered])
                #expect(gateway.server.sessionsDocument().hostnamesUncovered.first == ["dev.pg.shop.example"])

                _ = try await SelfSignedCertificate.make(in: directory, for: ["*.pg.shop.example"])
                await gateway.certificateReloader.reload(isForced: true)
                #expect(uncovered() == 0)
                #expect(gateway.server.readiness().warnings.isEmpty)
                #expect(gateway.server.readiness().status == .ready)
            }
        }
    }

    @Test("Pairs one directory deeper, as Caddy keeps them; other directories are let alone")
    func deeper() async throws {
        try await withDirectory { directory in
            for name in ["a.example", "wildcard_.pg.shop.example"] {
                let host = name.replacing("wildcard_", with: "*")
                _ = try await SelfSignedCertificate.make(in: directory.directory(name), name: name, for: [host])
            }
            try directory.directory("ca").write("nonsense", to: "root.crt")
            try directory.directory("empty.example").write("{}", to: "empty.example.json")
            let store = try CertificateStore(.directory(directory.path, fallback: nil))
            #expect(store.faults.isEmpty)
            #expect(store.current.entries.map(\.name) == ["*.pg.shop.example", "a.example"])
            #expect(store.current.pair(for: try Hostname("dev.pg.shop.example")).names == ["*.pg.shop.example"])

            // Its renewal is seen, and one that comes.
            let path = directory.file("a.example/a.example")
            let before = store.current.context(serverName: "a.example")
            try await Command.check("\(Checkout.root)/Tests/certificate.sh", [path, "a.example"])
            _ = store.reloadIfChanged()
            _ = store.reloadIfChanged()
            #expect(store.current.context(serverName: "a.example") !== before)
            _ = try await SelfSignedCertificate.make(
                in: directory.directory("b.example"),
                name: "b.example",
                for: ["b.example"]
            )
            _ = store.reloadIfChanged()
            _ = store.reloadIfChanged()
            #expect(store.current.pairs.count == 3)

            // Half of one is a fault that names its file, and the other one of a name that is there twice.
            try FileManager.default.removeItem(atPath: directory.file("b.example/b.example.key"))
            _ = try await SelfSignedCertificate.make(in: directory, name: "a.example", for: ["a.example"])
            guard case .failed(let faults) = store.reload() else { throw Command.Failure("no fault") }
            #expect(faults.count == 2)
            #expect(faults.contains { $0.description.contains("b.example/b.example.key cannot be read") })
            #expect(faults.contains { $0.description.contains("a.example/a.example.crt is for a.example, but ") })
            for fault in faults { #expect(fault.description.contains(GatewayVariable.certDir.environmentName)) }
        }
    }

    @Test("Reloads asked for from everywhere at once are one after the other, and the newest files are in force")
    func oneAtATime() async throws {
        try await withDirectory { directory in
            let pair = try await SelfSignedCertificate.make(in: directory, for: ["a.example"])
            let store = try CertificateStore(.pair(certFile: pair.certFile, keyFile: pair.keyFile))
            let outcomes = LabelledCounter<ReloadOutcome>()
            let reloader = CertificateReloader(store, outcomes: outcomes, logger: Logger(label: "test"))
            _ = try await SelfSignedCertificate.make(in: directory, for: ["b.example"])
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { await reloader.reload(isForced: true) } }
            }
            #expect(outcomes[.loaded] == 20)
            #expect(store.current.pairs.first?.names == ["b.example"])
        }
    }
}
