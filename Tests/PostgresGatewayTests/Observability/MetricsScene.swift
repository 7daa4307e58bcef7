import Foundation
import GatewayContract
import GatewayTestSupport
import NIOCore
import PostgresGateway
import PostgresWire
import RouteMap
import TestSupport
import Testing

/// What became of a series.
enum SeriesChange: Equatable, ExpressibleByIntegerLiteral {
    case by(Double)
    /// Its route went.
    case gone
    /// Its route came, with this value.
    case new(Double)

    init(integerLiteral value: Int) { self = .by(Double(value)) }
}

/// The series at one time, without the prefix of their names.
struct MetricsSnapshot {
    let values: [String: Double]

    /// What moves by itself, or by how long something took: the count of a histogram stands for its buckets and its sum.
    private static let moving =
        [MetricName.routeMapAge, .eventLoopLag].map(\.rawValue)
        + MetricName.allCases.map(\.rawValue).filter { $0.hasPrefix("process_") }
        + MetricName.allCases.filter { $0.kind == .histogram }.flatMap {
            ["\($0.rawValue)_bucket", "\($0.rawValue)_sum"]
        }

    init(_ text: String) throws {
        var values: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let space = try #require(line.lastIndex(of: " "))
            let series = String(line[..<space])
            guard !Self.moving.contains(where: { series.hasPrefix($0) }) else { continue }
            let value: Double = try #require(Double(line[line.index(after: space)...]))
            values[series.replacing("postgres_gateway_", with: "", maxReplacements: 1)] = value
        }
        self.values = values
    }

    /// What has changed since.
    func changes(since old: MetricsSnapshot) -> [String: SeriesChange] {
        var changes: [String: SeriesChange] = [:]
        for series in Set(values.keys).union(old.values.keys) {
            switch (old.values[series], values[series]) {
            case (let before?, let after?): if before != after { changes[series] = .by(after - before) }
            case (nil, let after?): changes[series] = .new(after)
            case (_?, nil): changes[series] = .gone
            case (nil, nil): break
            }
        }
        return changes
    }
}

/// A gateway with a branch of each kind: `dev` is up, `dead` refuses, `full` does not answer, `qa` is stopped, and `one`
/// and `two` have one address.
final class MetricsScene {
    let gateway: TestGateway
    let backend: RawListener
    let full: FullListener
    let shared: RawListener
    let deadPort: Int
    /// What stays open until the row is over.
    private var held: [Any] = []
    private(set) var lastSession: (client: TLSConnection, server: RawConnection)?
    /// The certificate's private key.
    let keyFile: String

    init(_ gateway: TestGateway, keyFile: String) async throws {
        self.gateway = gateway
        self.keyFile = keyFile
        backend = try RawListener()
        full = try FullListener()
        shared = try RawListener()
        deadPort = try await PostgresServer.freePort()
        try install(try routes)
    }

    private var routes: [Route] {
        get throws {
            [
                try .test("dev", at: backend.port), try .test("full", at: full.port), try .test("dead", at: deadPort),
                try .test("one", at: shared.port), try .test("two", at: shared.port),
            ]
        }
    }

    /// The map without some branches and with others.
    func change(without: String? = nil, with added: String? = nil) throws {
        var routes = try routes.filter { $0.target.name != without }
        if let added { routes.append(try .test(added, at: 9)) }
        try install(routes)
    }

    private func install(_ routes: [Route]) throws {
        let stopped = [
            StoppedRoute(
                hostname: try Hostname("qa.pg.shop.example.net"),
                target: Target(id: "dbt_qa", name: "qa", database: "shop", project: "shop")
            )
        ]
        let data = try RouteMapFile.encode(routes: routes, stopped: stopped, generatedAt: .now)
        try RouteMapFile.write(data, to: gateway.server.configuration.routeFile)
        gateway.server.routeLoader.reload(isForced: false)
    }

    /// Makes the route map invalid.
    func spoilRoutes() throws {
        try Data("{".utf8).write(to: URL(fileURLWithPath: gateway.server.configuration.routeFile))
        gateway.server.routeLoader.reload(isForced: true)
    }

    func snapshot() throws -> MetricsSnapshot { try MetricsSnapshot(AdminServices(of: gateway.server).metrics()) }

    func hold(_ thing: Any) { held.append(thing) }

    // MARK: Clients

    static func name(_ branch: String) -> String { "\(branch).pg.shop.example.net" }

    /// A client whose start-up ends with an ErrorResponse.
    func refused(_ branch: String?, from source: UInt8 = 1) throws {
        let client = try gateway.connectTLS(serverName: branch.map(Self.name), from: source)
        try client.write(ByteBuffer.startup().bytes)
        #expect(ReceivedError(try client.readToEnd()) != nil)
    }

    /// A session that is open, with both of its ends.
    @discardableResult
    func session(from source: UInt8 = 1) throws -> (client: TLSConnection, server: RawConnection) {
        let session = try gateway.ready(backend, from: source)
        return keep(session)
    }

    /// A session whose server has yet to answer.
    @discardableResult
    func unauthenticated(from source: UInt8 = 1) throws -> (client: TLSConnection, server: RawConnection) {
        let client = try gateway.start(from: source)
        let session = keep((client, try backend.accept()))
        #expect(try session.server.receive().count == ByteBuffer.startup().readableBytes)
        return session
    }

    private func keep(
        _ session: (client: TLSConnection, server: RawConnection)
    ) -> (client: TLSConnection, server: RawConnection) {
        held.append(session)
        lastSession = session
        return session
    }

    /// A session whose login the server rejects.
    func failedLogin() throws {
        let client = try gateway.start()
        let server = try backend.accept()
        _ = try server.receive()
        try server.send(TestBackend.fatal("28P01"))
        server.shutdownOutput()
        #expect(ReceivedError(try client.readToEnd())?.sqlState == "28P01")
    }

    /// A connection that has been answered with `S`.
    func afterSSLRequest() throws -> RawConnection {
        let raw = try gateway.connect()
        try raw.send(ByteBuffer.sslRequest.bytes)
        #expect(try raw.receive() == [UInt8(ascii: "S")])
        return raw
    }

    /// A connection that has sent its ClientHello.
    func afterClientHello() throws -> RawConnection {
        let raw = try afterSSLRequest()
        try TLSConnection(raw, serverName: Self.name("dev")).sendClientHello()
        return raw
    }

    /// A handshake that fails.
    func failingHandshake(
        version: TLSConnection.Version? = nil,
        suites: String? = nil,
        isVerifying: Bool = false
    ) throws {
        let tls = try TLSConnection(
            try afterSSLRequest(),
            serverName: Self.name("dev"),
            version: version,
            suites: suites,
            isVerifying: isVerifying
        )
        #expect(throws: TLSConnection.Failure.self) { try tls.handshake() }
    }
}

extension Route {
    fileprivate static func test(_ name: String, at port: Int) throws -> Route {
        Route(
            hostname: try Hostname(MetricsScene.name(name)),
            hostPort: UInt16(port),
            target: Target(id: "dbt_\(name)", name: name, database: "shop", project: "shop")
        )
    }
}
