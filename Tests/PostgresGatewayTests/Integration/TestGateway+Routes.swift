import Foundation
import NIOCore
import PostgresGateway
import PostgresWire
import RouteMap
import Synchronization
import TestSupport
import Testing

extension TestGateway {
    /// A gateway whose routes are what ``install(_:confirmation:)`` writes.
    static func runWithRouteFile(
        clock: GatewayClock = .system,
        times: ((inout ConnectionTimes) -> Void)? = nil,
        _ body: (TestGateway) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory("routes")
        defer { directory.remove() }
        let configure: (inout GatewayConfiguration) -> Void = { $0.routeFile = directory.file("routes.json") }
        try await run(routes: [], clock: clock, times: times, configure: configure, body)
    }

    /// Writes a route map, and takes it up as the gateway does when it sees a change.
    func install(_ routes: [Route], confirmation: RouteMapConfirmation? = nil) throws {
        let data = try RouteMapFile.encode(
            routes: routes,
            stopped: [],
            generatedAt: .now,
            confirmation: confirmation
        )
        try RouteMapFile.write(data, to: server.configuration.routeFile)
        server.routeLoader.reload(isForced: false)
    }

    /// A session that is being relayed, with both of its ends.
    func session(_ route: Route, _ backend: RawListener) throws -> (client: TLSConnection, server: RawConnection) {
        let client = try connectTLS(serverName: route.hostname.name)
        try client.write(ByteBuffer.startup().bytes)
        let server = try backend.accept()
        _ = try server.receive()
        try relays((client, server))
        return (client, server)
    }

    /// Holds a session to it that it goes on.
    func relays(_ session: (client: TLSConnection, server: RawConnection)) throws {
        try session.server.send([UInt8(ascii: "!")])
        #expect(try session.client.read(count: 1) == [UInt8(ascii: "!")])
    }

    /// What a client of a hostname is told.
    func refusal(_ hostname: String) throws -> ReceivedError? {
        let client = try connectTLS(serverName: hostname)
        try client.write(ByteBuffer.startup().bytes)
        return ReceivedError(try client.readToEnd())
    }

    /// How often a message was logged.
    func count(_ message: String, level: String) -> Int {
        log.all.compactMap { LogLine($0) }.count { $0["message"] == message && $0["level"] == level }
    }
}

extension Route {
    /// A branch of a test, by a name that is also its id.
    static func test(_ name: String, at backend: RawListener, isShared: Bool = false) throws -> Route {
        Route(
            hostname: try Hostname("\(name).pg.shop.example.net"),
            hostPort: UInt16(backend.port),
            isSharedAddress: isShared,
            target: Target(id: "dbt_\(name)", name: name, database: "shop", project: "shop")
        )
    }
}

/// Clocks that stand still until the test moves them.
final class ManualClock: Sendable {
    private let reading: Mutex<GatewayClock.Reading>

    init(wall: Date = Date(timeIntervalSince1970: 1_800_000_000)) {
        reading = Mutex(.init(wall: wall, uptime: .uptimeNanoseconds(1_000_000_000_000)))
    }

    var wall: Date { reading.withLock { $0.wall } }

    var clock: GatewayClock {
        GatewayClock { [self] in reading.withLock { $0 } }
    }

    /// Time goes by.
    func advance(by seconds: Int64) {
        reading.withLock { reading in
            reading.wall += Double(seconds)
            reading.uptime = reading.uptime + .seconds(seconds)
        }
    }

    /// Somebody sets the wall clock.
    func step(by seconds: Double) {
        reading.withLock { $0.wall += seconds }
    }
}
