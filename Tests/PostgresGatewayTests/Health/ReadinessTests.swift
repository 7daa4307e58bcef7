import Foundation
import GatewayContract
import GatewayCore
import GatewayHardening
import NIOCore
import PostgresGateway
import RouteMap
import TestSupport
import Testing

@Suite struct ReadinessTests {
    /// A gateway whose route map is a file that is not there yet.
    private func run(
        certificate: (SelfSignedCertificate) throws -> Void = { _ in },
        _ body: (TestGateway, TemporaryDirectory) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory("readiness")
        defer { directory.remove() }
        let pair = try await SelfSignedCertificate.make(in: directory, for: ["*.pg.shop.example.net"])
        try certificate(pair)
        let configure: (inout GatewayConfiguration) -> Void = {
            $0.routeFile = directory.file("routes.json")
            $0.certificates = .pair(certFile: pair.certFile, keyFile: pair.keyFile)
        }
        try await TestGateway.run(routes: [], configure: configure) { try await body($0, directory) }
    }

    private static let routes = #"{ "version": 1, "routes": [] }"#

    @Test("Not ready without a route map, ready with one; a bad one later is a warning, the good one stays")
    func routeMap() async throws {
        try await run { gateway, directory in
            #expect(gateway.server.readiness().reasons.map(\.code) == [.routeMapMissing])
            gateway.server.routeLoader.reload(isForced: true)
            let missing = gateway.server.readiness()
            #expect(missing.status == .notReady)
            #expect(missing.reasons.first?.message.contains(directory.file("routes.json")) == true)

            try directory.write(Self.routes, to: "routes.json")
            gateway.server.routeLoader.reload(isForced: true)
            #expect(gateway.server.readiness().status == .ready)
            #expect(gateway.server.readiness().warnings.isEmpty)
            #expect(AdminServices(of: gateway.server).metrics().contains("\npostgres_gateway_route_map_stale 0\n"))

            try directory.write(#"{ "version": 2 }"#, to: "routes.json")
            gateway.server.routeLoader.reload(isForced: true)
            let stale = gateway.server.readiness()
            let metrics = AdminServices(of: gateway.server).metrics()
            #expect(metrics.contains("\npostgres_gateway_route_map_stale 1\n"))
            #expect(stale.status == .ready)
            #expect(stale.warnings.map(\.code) == [.routeMapStale])
            #expect(stale.warnings.first?.message.contains("version") == true)
            #expect(gateway.server.metrics.routeReloads[.loaded] == 1)
            #expect(gateway.server.metrics.routeReloads[.failed] == 2)
        }
    }

    @Test("A certificate that has expired, is not valid yet, or will expire within two weeks")
    func certificateDates() async throws {
        let day: TimeInterval = 24 * 3_600
        let cases:
            [(
                notBefore: TimeInterval, notAfter: TimeInterval, status: Readiness.Status,
                warning: Readiness.Finding.Code?
            )] = [
                (-10 * day, -day, .notReady, .certificateOutOfDate), (day, 10 * day, .notReady, .certificateOutOfDate),
                (-day, 13 * day, .ready, .certificateExpiresSoon), (-day, 15 * day, .ready, nil),
            ]
        for dates in cases {
            try await run(certificate: { try $0.redate(notBefore: dates.notBefore, notAfter: dates.notAfter) }) {
                gateway,
                directory in
                try directory.write(Self.routes, to: "routes.json")
                gateway.server.routeLoader.reload(isForced: true)
                let readiness = gateway.server.readiness()
                #expect(readiness.status == dates.status)
                #expect(readiness.reasons.map(\.code) == (dates.status == .ready ? [] : [.noCertificateInDate]))
                #expect(readiness.warnings.map(\.code) == [dates.warning].compactMap { $0 })
                await gateway.certificateReloader.warn()
                let logged = gateway.log.all.filter { $0.contains(#""message":"certificate""#) }
                #expect(logged.count == (dates.warning == nil ? 0 : 1))
                // It serves all the same: clients of sslmode=require do not look at the dates.
                let client = try gateway.connectTLS()
                #expect(client.certificateName != nil)
            }
        }
    }

    @Test("A certificate that cannot be read again is a warning")
    func certificateStale() async throws {
        try await run { gateway, directory in
            try directory.write("nonsense", to: "server.key")
            await gateway.certificateReloader.reload(isForced: true)
            let warnings = gateway.server.readiness().warnings
            #expect(warnings.map(\.code) == [.certificateStale])
            #expect(warnings.first?.message.contains(directory.file("server.key")) == true)
            #expect(gateway.server.metrics.certificateReloads[.failed] == 1)
            #expect(AdminServices(of: gateway.server).metrics().contains("\npostgres_gateway_certificates_stale 1\n"))
            #expect(gateway.log.all.contains { $0.contains("could not load certificate") })
        }
    }

    @Test("A limit that is reached is a warning, with the variable that moves it; metrics count it")
    func limitReached() async throws {
        let backend = try RawListener()
        let configure: (inout GatewayConfiguration) -> Void = { $0.maxConnections = 1 }
        try await TestGateway.run(backend: backend, configure: configure) { gateway in
            let session = try gateway.ready(backend)
            #expect(!gateway.server.readiness().warnings.contains { $0.code == .limitReached })
            #expect(ReceivedError(try gateway.start().readToEnd())?.sqlState == "53300")
            let warning = gateway.server.readiness().warnings.first { $0.code == .limitReached }
            #expect(warning?.message.contains("connections (FROST_POSTGRES_GATEWAY_MAX_CONNECTIONS)") == true)
            #expect(try gateway.refusal("nobody.pg.shop.example.net")?.sqlState == "3D000")
            let metrics = AdminServices(of: gateway.server).metrics()
            for line in [
                #"postgres_gateway_limit_rejections_total{limit="connections"} 1"#,
                #"postgres_gateway_connections_total{outcome="too_many_connections"} 1"#,
                #"postgres_gateway_connections_total{outcome="unknown_hostname"} 1"#,
                "postgres_gateway_route_misses_total 1",
                #"postgres_gateway_backend_dial_errors_total{reason="refused",target="dbt_1"} 0"#,
            ] {
                #expect(metrics.contains("\n\(line)\n"), "\(line)")
            }
            withExtendedLifetime(session) {}
        }
    }

    @Test("Evictions and failed logins are counted; a branch's series goes when its route goes")
    func admissionMetrics() async throws {
        let directory = try TemporaryDirectory("readiness")
        defer { directory.remove() }
        let backend = try RawListener()
        let configure: (inout GatewayConfiguration) -> Void = {
            $0.maxStartups = 1
            $0.handshakeTimeout = .hours(1)
            $0.routeFile = directory.file("routes.json")
        }
        try await TestGateway.run(routes: [], configure: configure) { gateway in
            try gateway.install([try Route.test("dev", at: backend)])
            let silent = try gateway.connect()
            try await eventually("it is entered") { gateway.server.registry.startupCount == 1 }
            let client = try gateway.start()
            let server = try backend.accept()
            _ = try server.receive()
            try server.send(TestBackend.fatal("28P01"))
            server.shutdownOutput()
            #expect(ReceivedError(try client.readToEnd())?.sqlState == "28P01")
            let services = AdminServices(of: gateway.server)
            let series = "\npostgres_gateway_authentication_failures_total{target=\"dbt_dev\"} 1\n"
            #expect(services.metrics().contains(series))
            #expect(services.metrics().contains("\npostgres_gateway_evictions_total{limit=\"startups\"} 1\n"))
            let warning = gateway.server.readiness().warnings.first { $0.code == .limitReached }
            #expect(warning?.message.contains("FROST_POSTGRES_GATEWAY_MAX_STARTUPS") == true)
            try gateway.install([])
            #expect(!services.metrics().contains(series))
            withExtendedLifetime(silent) {}
        }
    }

    @Test("Each limit names a setting of its own")
    func limitVariables() {
        #expect(Set(Limit.allCases.map(\.variable)).count == Limit.allCases.count)
        #expect(Readiness.Finding(limitsHit: []) == nil)
    }

    @Test("Not ready while it stops")
    func stopping() async throws {
        try await run { gateway, directory in
            try directory.write(Self.routes, to: "routes.json")
            gateway.server.routeLoader.reload(isForced: true)
            try await gateway.stop()
            #expect(gateway.server.readiness().reasons.map(\.code) == [.shuttingDown])
        }
    }

    @Test("Not ready before it listens")
    func starting() async throws {
        try await TestGateway.run(routes: []) { gateway in
            let server = gateway.another(port: 0)
            #expect(server.readiness().reasons.map(\.code).contains(.notListening))
            try await server.close()
        }
    }
}
