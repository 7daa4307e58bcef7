import GatewayCore
import GatewayTestSupport
import NIOCore
import PostgresWire
import Testing

@Suite struct UpstreamMachineTests {
    private static let route = Fixtures.route("dev.pg.shop.example.net", port: 10_001)
    private static let authenticationOk = ByteBuffer(bytes: [0x52, 0, 0, 0, 8, 0, 0, 0, 0])
    private static let passwordRequest = ByteBuffer(bytes: [0x52, 0, 0, 0, 8, 0, 0, 0, 3])
    private static let ready = ByteBuffer(bytes: [0x5a, 0, 0, 0, 5, 0x49])

    private static func error(_ state: SQLState) -> ByteBuffer {
        var buffer = ByteBuffer()
        ErrorResponse(sqlState: state, message: "no", hint: "").encode(into: &buffer)
        return buffer
    }

    @Test("AuthenticationOk and ReadyForQuery")
    func succeeds() {
        var machine = UpstreamMachine(route: Self.route)
        #expect(machine.received(Self.passwordRequest) == [])
        #expect(machine.isUnauthenticated)
        #expect(machine.received(Self.authenticationOk) == [.authenticated])
        #expect(!machine.isUnauthenticated)
        #expect(machine.received(Self.authenticationOk) == [], "told once")
        #expect(machine.received(Self.ready) == [.ready])
        #expect(machine.isFinished)
    }

    @Test("28P01 and 28000 are failed logins, before AuthenticationOk only")
    func failedLogins() {
        for state in [SQLState.invalidPassword, .invalidAuthorization] {
            var machine = UpstreamMachine(route: Self.route)
            #expect(machine.received(Self.error(state)) == [.loginFailed])
            machine = UpstreamMachine(route: Self.route)
            _ = machine.received(Self.authenticationOk)
            #expect(machine.received(Self.error(state)) == [])
        }
        var machine = UpstreamMachine(route: Self.route)
        #expect(machine.received(Self.error(.invalidCatalogName)) == [])
    }

    @Test("A server that closes without a byte is one that refused")
    func silentServer() {
        var machine = UpstreamMachine(route: Self.route)
        #expect(machine.closed() == .backendUnavailable(Self.route))
        #expect(machine.closed() == nil, "told once")
        machine = UpstreamMachine(route: Self.route)
        _ = machine.evicted(.unauthenticatedPerRoute)
        #expect(machine.closed() == nil, "it was told otherwise already")
        machine = UpstreamMachine(route: Self.route)
        _ = machine.received(ByteBuffer(bytes: [0x52]))
        #expect(machine.closed() == nil)
    }

    @Test("A server that speaks something else never authenticates, and is not told so in its own words")
    func otherProtocol() {
        var machine = UpstreamMachine(route: Self.route)
        #expect(machine.received(ByteBuffer(string: "HTTP/1.1 400 Bad Request")) == [])
        #expect(!machine.isFinished)
        #expect(machine.isUnauthenticated)
        #expect(machine.authenticationTimedOut() == nil)
        #expect(machine.isFinished)
    }

    @Test("Told only at the end of a message, and only before AuthenticationOk")
    func told() {
        var machine = UpstreamMachine(route: Self.route)
        _ = machine.received(Self.passwordRequest)
        #expect(machine.authenticationTimedOut() == .authenticationTimeout(Self.route))
        #expect(machine.isFinished)
        #expect(machine.authenticationTimedOut() == nil, "once")

        machine = UpstreamMachine(route: Self.route)
        _ = machine.received(ByteBuffer(bytes: [0x52, 0, 0]))
        #expect(machine.authenticationTimedOut() == nil, "in the middle of a message")
        #expect(machine.isFinished)

        machine = UpstreamMachine(route: Self.route)
        _ = machine.received(Self.authenticationOk)
        #expect(machine.authenticationTimedOut() == nil)
        #expect(!machine.isFinished)

        machine = UpstreamMachine(route: Self.route)
        let refusal = machine.evicted(.unauthenticatedPerRoute)
        #expect(refusal == .limitReached(.unauthenticatedPerRoute, Self.route))
    }

    @Test("A session that authenticates while it makes way for another ends all the same")
    func authenticatedTooLate() {
        var machine = UpstreamMachine(route: Self.route)
        _ = machine.received(Self.authenticationOk)
        #expect(machine.evicted(.unauthenticatedPerRoute) == .limitReached(.unauthenticatedPerRoute, Self.route))
        #expect(machine.evicted(.unauthenticatedPerRoute) == nil, "once")

        machine = UpstreamMachine(route: Self.route)
        _ = machine.received(Self.authenticationOk)
        _ = machine.received(ByteBuffer(bytes: [0x53, 0, 0]))
        #expect(machine.evicted(.unauthenticatedPerRoute) == nil, "in the middle of a message")
        #expect(machine.isFinished)

        machine = UpstreamMachine(route: Self.route)
        _ = machine.received(Self.ready)
        #expect(machine.evicted(.unauthenticatedPerRoute) == nil, "the client is past its start-up")
    }
}
