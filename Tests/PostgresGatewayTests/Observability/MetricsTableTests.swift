import Foundation
import GatewayContract
import GatewayCore
import GatewayTestSupport
import NIOCore
import PostgresGateway
import PostgresWire
import RouteMap
import TestSupport
import Testing

/// Each event, and the exact set of series that it moves: nothing else moves.
@Suite struct MetricsTableTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var configure: @Sendable (inout GatewayConfiguration) -> Void = { _ in }
        /// What goes before.
        var prepare: @Sendable (MetricsScene) async throws -> Void = { _ in }
        let event: @Sendable (MetricsScene) async throws -> Void
        /// Connections that are open when it is over, those from before included.
        var open = 0
        let moved: [String: SeriesChange]

        init(
            _ name: String,
            configure: @escaping @Sendable (inout GatewayConfiguration) -> Void = { _ in },
            prepare: @escaping @Sendable (MetricsScene) async throws -> Void = { _ in },
            _ event: @escaping @Sendable (MetricsScene) async throws -> Void,
            open: Int = 0,
            moved: [String: SeriesChange]
        ) {
            testDescription = name
            self.configure = configure
            self.prepare = prepare
            self.event = event
            self.open = open
            self.moved = moved
        }
    }

    @Test("An event moves its series and no other", arguments: starts + sessions + limits + handshakes + reloads)
    func row(_ row: Row) async throws {
        let directory = try TemporaryDirectory("metrics")
        defer { directory.remove() }
        let certificate = try await SelfSignedCertificate.make(in: directory, for: ["*.pg.shop.example.net"])
        let configure: @Sendable (inout GatewayConfiguration) -> Void = {
            $0.routeFile = directory.file("routes.json")
            $0.certificates = .pair(certFile: certificate.certFile, keyFile: certificate.keyFile)
            $0.handshakeTimeout = .hours(1)
            $0.authenticationTimeout = .hours(1)
            row.configure(&$0)
        }
        let times: (inout ConnectionTimes) -> Void = { $0.cancelReply = .milliseconds(200) }
        try await TestGateway.run(routes: [], times: times, configure: configure) { gateway in
            let scene = try await MetricsScene(gateway, keyFile: certificate.keyFile)
            try await row.prepare(scene)
            let before = try scene.snapshot()
            try await row.event(scene)
            var moved: [String: SeriesChange] = [:]
            // The last counts of a connection come when it is closed. What does not come is shown below.
            try? await eventually("it is counted", within: .seconds(30)) {
                moved = try scene.snapshot().changes(since: before)
                return gateway.server.registry.openCount == row.open && moved == row.moved
            }
            #expect(gateway.server.registry.openCount == row.open)
            #expect(moved == row.moved)
        }
    }

    // MARK: Series

    private static func outcome(_ outcome: ConnectionOutcome) -> String {
        #"connections_total{outcome="\#(outcome.label)"}"#
    }

    private static let handshake = "handshake_duration_seconds_count"
    private static let dial = "backend_dial_duration_seconds_count"
    private static let startup = "startup_duration_seconds_count"
    private static let session = "session_duration_seconds_count"

    private static func of(_ name: String, _ branch: String = "dev") -> String { "\(name){target=\"dbt_\(branch)\"}" }

    private static func bytes(_ direction: BytesDirection) -> String {
        #"bytes_total{direction="\#(direction.rawValue)",target="dbt_dev"}"#
    }

    private static func dialError(_ reason: DialFailure, _ branch: String) -> String {
        #"backend_dial_errors_total{reason="\#(reason.rawValue)",target="dbt_\#(branch)"}"#
    }

    private static func rejection(_ limit: Limit) -> String { #"limit_rejections_total{limit="\#(limit.rawValue)"}"# }
    private static func eviction(_ limit: Limit) -> String { #"evictions_total{limit="\#(limit.rawValue)"}"# }

    private static func handshakeError(_ reason: HandshakeFailure) -> String {
        #"handshake_errors_total{reason="\#(reason.rawValue)"}"#
    }

    /// All series of a branch.
    private static func series(of branch: String) -> [String] {
        [of("connections_active", branch), of("sessions_total", branch), of("authentication_failures_total", branch)]
            + BytesDirection.allCases.map { "bytes_total{direction=\"\($0.rawValue)\",target=\"dbt_\(branch)\"}" }
            + DialFailure.allCases.map { dialError($0, branch) }
    }

    // MARK: Bytes

    private static let startupBytes = ByteBuffer.startup().readableBytes
    private static let readyBytes = TestBackend.ready(processID: 7).count
    private static let loginErrorBytes = TestBackend.fatal("28P01").count

    private static let route = Fixtures.route(TestGateway.hostname, port: 1)

    /// Of the ErrorResponse that the gateway sends in a session, in bytes.
    private static func length(of refusal: Refusal) -> Int {
        var buffer = ByteBuffer()
        refusal.errorResponse.encode(into: &buffer)
        return buffer.readableBytes
    }

    private static func by(_ count: Int) -> SeriesChange { .by(Double(count)) }

    // MARK: Rows

    private static let starts: [Row] = [
        Row("a port probe", { _ = try $0.gateway.connect() }, moved: [outcome(.closed(.probe)): 1]),
        Row(
            "a start-up without TLS",
            {
                let raw = try $0.gateway.connect()
                try raw.send(ByteBuffer.startup().bytes)
                #expect(ReceivedError(try raw.receiveToEnd())?.sqlState == "28000")
            },
            moved: [outcome(.refused(.tlsRequired)): 1]
        ),
        Row(
            "no PostgreSQL protocol",
            {
                let raw = try $0.gateway.connect()
                try raw.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
                #expect(try raw.receiveToEnd(toleratesReset: true).isEmpty)
            },
            moved: [outcome(.closed(.unknownProtocol)): 1]
        ),
        Row(
            "a hostname that no branch has",
            { try $0.refused("nobody") },
            moved: [outcome(.refused(.unknownHostname)): 1, "route_misses_total": 1, handshake: 1]
        ),
        Row("no server name", { try $0.refused(nil) }, moved: [outcome(.refused(.noServerName)): 1, handshake: 1]),
        Row("a stopped branch", { try $0.refused("qa") }, moved: [outcome(.refused(.branchStopped)): 1, handshake: 1]),
        Row(
            "branches that share an address",
            { try $0.refused("one") },
            moved: [outcome(.refused(.addressConflict)): 1, handshake: 1]
        ),
        Row(
            "a server that refuses",
            { try $0.refused("dead") },
            moved: [outcome(.refused(.backendUnavailable)): 1, dialError(.refused, "dead"): 1, handshake: 1]
        ),
        Row(
            "a server that does not answer",
            configure: { $0.connectTimeout = .milliseconds(300) },
            { try $0.refused("full") },
            moved: [outcome(.refused(.backendUnavailable)): 1, dialError(.timeout, "full"): 1, handshake: 1]
        ),
        Row(
            "a server that closes without a byte",
            {
                let client = try $0.gateway.start()
                _ = try $0.backend.accept()
                #expect(ReceivedError(try client.readToEnd())?.sqlState == "57P03")
            },
            moved: [
                outcome(.refused(.backendUnavailable)): 1, dialError(.reset, "dev"): 1, handshake: 1, dial: 1,
                bytes(.in): by(startupBytes), bytes(.out): by(length(of: .backendUnavailable(route))),
            ]
        ),
        Row(
            "AUTHENTICATION_TIMEOUT",
            configure: { $0.authenticationTimeout = .milliseconds(500) },
            {
                let client = try $0.gateway.start()
                $0.hold(try $0.backend.accept())
                #expect(ReceivedError(try client.readToEnd())?.sqlState == "57014")
                try client.shutdown()
            },
            moved: [
                outcome(.refused(.authenticationTimeout)): 1, handshake: 1, dial: 1, bytes(.in): by(startupBytes),
                bytes(.out): by(length(of: .authenticationTimeout(route))),
            ]
        ),
    ]

    private static let sessions: [Row] = [
        Row(
            "a session that has ended",
            { scene in
                let (client, server) = try scene.gateway.ready(scene.backend)
                try client.write([UInt8](repeating: 1, count: 1_000))
                #expect(try server.receive().count == 1_000)
                try server.send([UInt8](repeating: 2, count: 20_000))
                _ = try client.read(count: 20_000)
                try client.write(TestBackend.terminate)
                server.shutdownOutput()
                _ = try client.readToEnd()
                try client.shutdown()
            },
            moved: [
                outcome(.relayed): 1, of("sessions_total"): 1, handshake: 1, dial: 1, startup: 1, session: 1,
                bytes(.in): by(startupBytes + 1_000 + TestBackend.terminate.count),
                bytes(.out): by(readyBytes + 20_000),
            ]
        ),
        Row(
            "bytes of a session that goes on",
            { scene in
                let (client, server) = try scene.session()
                try client.write([UInt8](repeating: 1, count: 10))
                _ = try server.receive()
            },
            open: 1,
            moved: [
                of("connections_active"): 1, of("sessions_total"): 1, handshake: 1, dial: 1, startup: 1,
                bytes(.in): by(startupBytes + 10), bytes(.out): by(readyBytes),
            ]
        ),
        Row(
            "the end of a session",
            prepare: { scene in
                let (client, server) = try scene.session()
                try client.write([UInt8](repeating: 1, count: 10))
                _ = try server.receive()
            },
            { scene in
                let (client, server) = try #require(scene.lastSession)
                server.shutdownOutput()
                _ = try client.readToEnd()
                try client.shutdown()
            },
            moved: [outcome(.relayed): 1, of("connections_active"): -1, session: 1]
        ),
        Row(
            "a failed login",
            { try $0.failedLogin() },
            moved: [
                outcome(.relayed): 1, of("sessions_total"): 1, of("authentication_failures_total"): 1, handshake: 1,
                dial: 1, session: 1, bytes(.in): by(startupBytes), bytes(.out): by(loginErrorBytes),
            ]
        ),
        Row(
            "a cancel request",
            prepare: { try $0.session() },
            { scene in
                let raw = try scene.gateway.connect()
                try raw.send(ByteBuffer.cancelRequest(processID: 7).bytes)
                do { #expect(try scene.backend.accept().receive().count == 16) }
                #expect(try raw.receiveToEnd().isEmpty)
            },
            open: 1,
            moved: [#"cancel_requests_total{outcome="forwarded"}"#: 1, outcome(.cancelForwarded): 1]
        ),
        Row(
            "a cancel request with an unknown key",
            { scene in
                let raw = try scene.gateway.connect()
                try raw.send(ByteBuffer.cancelRequest(processID: 8).bytes)
                #expect(try raw.receiveToEnd().isEmpty)
            },
            moved: [#"cancel_requests_total{outcome="unknown"}"#: 1, outcome(.cancelUnknown): 1]
        ),
        Row(
            "a cancel request whose server does not close",
            prepare: { try $0.session() },
            { scene in
                let raw = try scene.gateway.connect()
                try raw.send(ByteBuffer.cancelRequest(processID: 7).bytes)
                scene.hold(try scene.backend.accept())
                #expect(try raw.receiveToEnd().isEmpty)
            },
            open: 1,
            moved: [#"cancel_requests_total{outcome="failed"}"#: 1, outcome(.cancelFailed): 1]
        ),
    ]

    private static let limits: [Row] = [
        Row(
            "MAX_CONNECTIONS",
            configure: { $0.maxConnections = 1 },
            prepare: { try $0.session() },
            { try $0.refused("dev") },
            open: 1,
            moved: [outcome(.refused(.tooManyConnections)): 1, rejection(.connections): 1, handshake: 1]
        ),
        Row(
            "MAX_CONNECTIONS_PER_ROUTE",
            configure: { $0.maxConnectionsPerRoute = 1 },
            prepare: { try $0.session() },
            { try $0.refused("dev") },
            open: 1,
            moved: [outcome(.refused(.tooManyConnections)): 1, rejection(.connectionsPerRoute): 1, handshake: 1]
        ),
        Row(
            "MAX_CONNECTIONS_PER_ADDRESS",
            configure: { $0.maxConnectionsPerAddress = 1 },
            prepare: { try $0.session() },
            { try $0.refused("dev") },
            open: 1,
            moved: [outcome(.refused(.tooManyConnections)): 1, rejection(.connectionsPerAddress): 1, handshake: 1]
        ),
        Row(
            "MAX_UNAUTHENTICATED_PER_ADDRESS",
            configure: {
                $0.maxUnauthenticatedPerAddress = 1
                $0.connectTimeout = .milliseconds(300)
            },
            prepare: { try $0.unauthenticated() },
            { try $0.refused("dev") },
            open: 1,
            moved: [outcome(.refused(.tooManyConnections)): 1, rejection(.unauthenticatedPerAddress): 1, handshake: 1]
        ),
        Row(
            "MAX_UNAUTHENTICATED_PER_ROUTE: the oldest makes way",
            configure: {
                $0.maxUnauthenticatedPerRoute = 1
                $0.connectTimeout = .hours(1)
            },
            prepare: { try $0.unauthenticated() },
            { scene in
                let (first, _) = try #require(scene.lastSession)
                try scene.unauthenticated()
                #expect(ReceivedError(try first.readToEnd())?.sqlState == "53300")
                try first.shutdown()
            },
            open: 1,
            moved: [
                outcome(.refused(.tooManyConnections)): 1, rejection(.unauthenticatedPerRoute): 1,
                eviction(.unauthenticatedPerRoute): 1, handshake: 1, dial: 1, bytes(.in): by(startupBytes),
                bytes(.out): by(length(of: .limitReached(.unauthenticatedPerRoute, route))),
            ]
        ),
        Row(
            "MAX_AUTHENTICATION_FAILURES",
            configure: { $0.maxAuthenticationFailures = 1 },
            prepare: { scene in
                try scene.failedLogin()
                try await eventually("it is over") { scene.gateway.server.registry.openCount == 0 }
            },
            { try $0.refused("dev") },
            moved: [outcome(.refused(.tooManyFailedLogins)): 1, rejection(.authenticationFailures): 1, handshake: 1]
        ),
        Row(
            "MAX_STARTUPS: the oldest makes way",
            configure: { $0.maxStartups = 1 },
            prepare: { scene in
                scene.hold(try scene.gateway.connect())
                try await eventually("it is there") { scene.gateway.server.registry.openCount == 1 }
            },
            { $0.hold(try $0.gateway.connect()) },
            open: 1,
            moved: [outcome(.closed(.evicted)): 1, eviction(.startups): 1]
        ),
        Row(
            "MAX_STARTUPS_PER_ADDRESS: the oldest of the address makes way",
            configure: { $0.maxStartupsPerAddress = 1 },
            prepare: { scene in
                scene.hold(try scene.gateway.connect())
                try await eventually("it is there") { scene.gateway.server.registry.openCount == 1 }
            },
            { $0.hold(try $0.gateway.connect()) },
            open: 1,
            moved: [outcome(.closed(.evicted)): 1, eviction(.startupsPerAddress): 1]
        ),
    ]

    private static let handshakes: [Row] = [
        Row(
            "an old version of TLS",
            { try $0.failingHandshake(version: .tls11, suites: "ALL:@SECLEVEL=0") },
            moved: [outcome(.closed(.handshakeFailed)): 1, handshakeError(.protocolVersion): 1]
        ),
        Row(
            "no cipher suite in common",
            { try $0.failingHandshake(version: .tls12, suites: "AES128-SHA:@SECLEVEL=0") },
            moved: [outcome(.closed(.handshakeFailed)): 1, handshakeError(.noSharedCipher): 1]
        ),
        Row(
            "text in place of a ClientHello",
            {
                let raw = try $0.afterSSLRequest()
                try raw.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                _ = try raw.receiveToEnd(toleratesReset: true)
            },
            moved: [outcome(.closed(.handshakeFailed)): 1, handshakeError(.badClientHello): 1]
        ),
        Row(
            "a client that does not trust the certificate, TLS 1.2",
            { try $0.failingHandshake(version: .tls12, isVerifying: true) },
            moved: [outcome(.closed(.handshakeFailed)): 1, handshakeError(.clientAlert): 1]
        ),
        Row(
            "a client that does not trust the certificate, TLS 1.3",
            { try $0.failingHandshake(version: .tls13, isVerifying: true) },
            moved: [outcome(.closed(.handshakeFailed)): 1, handshakeError(.clientAlert): 1]
        ),
        Row(
            "a client that leaves after SSLRequest",
            { _ = try $0.afterSSLRequest() },
            moved: [outcome(.closed(.clientClosed)): 1, handshakeError(.closed): 1]
        ),
        Row(
            "a client that leaves after its ClientHello",
            {
                let raw = try $0.afterClientHello()
                raw.shutdownOutput()
                _ = try raw.receiveToEnd(toleratesReset: true)
            },
            moved: [outcome(.closed(.handshakeFailed)): 1, handshakeError(.closed): 1]
        ),
        Row(
            "HANDSHAKE_TIMEOUT",
            configure: { $0.handshakeTimeout = .seconds(3) },
            {
                let raw = try $0.afterSSLRequest()
                #expect(try raw.receiveToEnd().isEmpty)
            },
            moved: [outcome(.closed(.handshakeTimeout)): 1, handshakeError(.timeout): 1]
        ),
        Row(
            "TLS at once, without ALPN",
            {
                let tls = try TLSConnection(try $0.gateway.connect(), serverName: TestGateway.hostname)
                try tls.handshake()
                try tls.write(ByteBuffer.startup().bytes)
                #expect(ReceivedError(try tls.readToEnd()) != nil)
            },
            moved: [outcome(.refused(.directTLSWithoutALPN)): 1, handshakeError(.noALPN): 1, handshake: 1]
        ),
        Row(
            "a handshake in progress",
            {
                let raw = try $0.afterClientHello()
                _ = try raw.receive()
                $0.hold(raw)
            },
            open: 1,
            moved: ["handshakes_active": 1, "startups_active": 1]
        ),
    ]

    private static let reloads: [Row] = [
        Row(
            "a route map with another branch",
            { try $0.change(with: "new") },
            moved: Dictionary(uniqueKeysWithValues: series(of: "new").map { ($0, .new(0)) }).merging([
                #"route_reloads_total{result="loaded"}"#: 1, #"routes{state="active"}"#: 1,
            ]) { $1 }
        ),
        Row(
            "a branch that is gone takes its series along",
            prepare: { scene in
                try scene.failedLogin()
                try await eventually("it is over") { scene.gateway.server.registry.openCount == 0 }
            },
            { try $0.change(without: "dev") },
            moved: Dictionary(uniqueKeysWithValues: series(of: "dev").map { ($0, .gone) }).merging([
                #"route_reloads_total{result="loaded"}"#: 1, #"routes{state="active"}"#: -1,
            ]) { $1 }
        ),
        Row(
            "a branch that comes back starts at zero",
            prepare: { scene in
                try scene.failedLogin()
                try await eventually("it is over") { scene.gateway.server.registry.openCount == 0 }
                try scene.change(without: "dev")
            },
            { try $0.change() },
            moved: Dictionary(uniqueKeysWithValues: series(of: "dev").map { ($0, .new(0)) }).merging([
                #"route_reloads_total{result="loaded"}"#: 1, #"routes{state="active"}"#: 1,
            ]) { $1 }
        ),
        Row(
            "a route map that is invalid",
            { try $0.spoilRoutes() },
            moved: [#"route_reloads_total{result="failed"}"#: 1, "route_map_stale": 1]
        ),
        Row(
            "certificates",
            { await $0.gateway.certificateReloader.reload(isForced: true) },
            moved: [#"certificate_reloads_total{result="loaded"}"#: 1]
        ),
        Row(
            "a certificate whose key is invalid",
            { scene in
                try Data("nonsense".utf8).write(to: URL(fileURLWithPath: scene.keyFile))
                await scene.gateway.certificateReloader.reload(isForced: true)
            },
            moved: [#"certificate_reloads_total{result="failed"}"#: 1, "certificates_stale": 1]
        ),
    ]
}
