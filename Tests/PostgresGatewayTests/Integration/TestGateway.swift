import GatewayTestSupport
import Logging
import NIOCore
import PostgresGateway
import PostgresWire
import RouteMap
import Synchronization
import TestSupport
import Testing

/// A gateway in this process, on a port of its own, with a certificate of its own.
final class TestGateway: Sendable {
    let log: LogLines
    let server: GatewayServer
    private let isStopped = Mutex(false)

    private init(server: GatewayServer, log: LogLines) {
        self.server = server
        self.log = log
    }

    /// Stops the gateway, if the test has not done so.
    func stop() async throws {
        let wasStopped = isStopped.withLock { isStopped in
            defer { isStopped = true }
            return isStopped
        }
        if !wasStopped { try await server.stop() }
    }

    static let hostname = "dev.pg.shop.example.net"

    var port: Int { server.port }

    /// Starts a gateway, does something with it, and stops it.
    static func run<Value: Sendable>(
        routes: [Route],
        stopped: [StoppedRoute] = [],
        clock: GatewayClock = .system,
        times: ((inout ConnectionTimes) -> Void)? = nil,
        configure: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: (TestGateway) async throws -> Value
    ) async throws -> Value {
        let directory = try TemporaryDirectory("gateway")
        defer { directory.remove() }
        let certificate = try await SelfSignedCertificate.make(in: directory, for: ["*.pg.shop.example.net"])
        var configuration = GatewayConfiguration(
            routeFile: "",
            certificates: .pair(certFile: certificate.certFile, keyFile: certificate.keyFile)
        )
        configuration.port = 0
        configuration.listenAddresses = ["127.0.0.1"]
        configuration.drainTimeout = .seconds(5)
        if let anyPort = AdminAddress("127.0.0.1:0") { configuration.adminAddress = anyPort }
        configure(&configuration)
        let log = LogLines()
        let handler = StderrLogHandler(level: .debug, format: .json) { log.add($0) }
        let server = GatewayServer(
            configuration: configuration,
            certificates: try CertificateStore(configuration.certificates),
            routes: try RouteTable(routes: routes, stopped: stopped),
            clock: clock,
            times: times.map { change in
                var times = ConnectionTimes(configuration)
                change(&times)
                return times
            },
            logger: Logger(label: "gateway") { _ in handler }
        )
        try await server.listen()
        let gateway = TestGateway(server: server, log: log)
        let result: Result<Value, any Error>
        do { result = .success(try await BlockingExecutor.run { try await body(gateway) }) } catch {
            result = .failure(error)
        }
        try await gateway.stop()
        return try result.get()
    }

    /// One route, to a backend that the test plays.
    static func run<Value: Sendable>(
        backend: RawListener,
        times: ((inout ConnectionTimes) -> Void)? = nil,
        configure: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: (TestGateway) async throws -> Value
    ) async throws -> Value {
        let routes = [Fixtures.route(hostname, port: backend.port)]
        return try await run(routes: routes, times: times, configure: configure, body)
    }

    /// A second gateway, with the certificates and the log of this one; it is to be closed.
    func another(port: Int, listenAddress: String = "127.0.0.1", adminAddress: AdminAddress? = nil) -> GatewayServer {
        var configuration = server.configuration
        configuration.port = port
        configuration.listenAddresses = [listenAddress]
        if let adminAddress { configuration.adminAddress = adminAddress }
        return GatewayServer(configuration: configuration, certificates: server.certificates, logger: server.logger)
    }

    /// - Parameter source: the last number of the loopback address it comes from.
    func connect(from source: UInt8 = 1) throws -> RawConnection { try RawConnection(port: port, from: source) }

    /// A connection with TLS after SSLRequest.
    func connectTLS(
        serverName: String? = hostname,
        protocols: [String] = [],
        version: TLSConnection.Version? = nil,
        session: TLSConnection.Session? = nil,
        from source: UInt8 = 1
    ) throws -> TLSConnection {
        let raw = try connect(from: source)
        try raw.send(ByteBuffer.sslRequest.bytes)
        #expect(try raw.receive() == [UInt8(ascii: "S")])
        let tls = try TLSConnection(
            raw,
            serverName: serverName,
            protocols: protocols,
            version: version,
            session: session
        )
        try tls.handshake()
        return tls
    }
}

/// The lines that a gateway logged.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }

    var all: [String] { lines.withLock { $0 } }
}

/// An ErrorResponse as a client got it.
struct ReceivedError: Equatable {
    var sqlState: String
    var message: String
    var detail: String
    var hint: String

    init?(_ bytes: [UInt8]) {
        var buffer = ByteBuffer(bytes: bytes)
        guard let header = try? BackendMessageHeader.decode(from: &buffer), header.type == .errorResponse,
            header.bodyLength == buffer.readableBytes, let fields = ErrorResponse.decodeFields(body: buffer),
            fields[.severity] == "FATAL"
        else { return nil }
        sqlState = fields[.sqlState] ?? ""
        message = fields[.message] ?? ""
        detail = fields[.detail] ?? ""
        hint = fields[.hint] ?? ""
    }
}
