import GatewayCore
import GatewayTestSupport
import NIOCore
import PostgresWire
import RouteMap
import TLSWire
import TestSupport
import Testing

@Suite struct ConnectionMachineTests {
    typealias Action = ConnectionMachine.Action

    private static let name = "dev.pg.shop.example.net"
    private static let hello = ClientHelloBytes.make(serverName: "dev.pg.shop.example.net")
    private static let parsed = ClientHello(serverName: "dev.pg.shop.example.net", applicationProtocols: [])
    private static let route = Fixtures.route("dev.pg.shop.example.net", port: 10_001)

    /// A machine inside TLS that waits for its first packet.
    private func encrypted(
        direct: Bool = false,
        applicationProtocol: String? = "postgresql",
        decision: ConnectionMachine.Decision = .route(route)
    ) -> ConnectionMachine {
        var machine = ConnectionMachine()
        if !direct { #expect(machine.received(.sslRequest) == .answer(UInt8(ascii: "S"))) }
        #expect(machine.received(Self.hello) == .resolveRoute(Self.parsed))
        #expect(machine.routeResolved(decision) == .startTLS(serverName: Self.name, received: Self.hello))
        machine.flightAnswered()
        #expect(machine.handshakeCompleted(applicationProtocol: applicationProtocol) == .wait)
        return machine
    }

    /// A machine whose client has named its branch and waits for a permit.
    private func admitting() -> ConnectionMachine {
        var machine = encrypted()
        #expect(machine.received(.startup()) == .admit(Self.route))
        return machine
    }

    private func dialing() -> ConnectionMachine {
        var machine = admitting()
        #expect(machine.admitted() == .dial(Self.route))
        return machine
    }

    @Test("SSLRequest, ClientHello, route, TLS, StartupMessage, permits, dial, relay")
    func wholeWay() {
        var machine = encrypted()
        #expect(machine.isStartingUp)
        let startup = ByteBuffer.startup()
        #expect(machine.received(startup) == .admit(Self.route))
        #expect(!machine.isStartingUp)
        #expect(!machine.wantsRead)
        #expect(machine.admitted() == .dial(Self.route))
        #expect(machine.received(ByteBuffer(string: "early")) == .wait)
        var expected = startup
        expected.writeString("early")
        #expect(machine.dialed() == .relay(Self.route, toBackend: expected))
    }

    /// Every order of up to four plaintext requests, against PostgreSQL's rules written down once more.
    @Test("All orders of GSSENCRequest, SSLRequest, CancelRequest, StartupMessage and ClientHello")
    func allOrders() {
        enum Item: CaseIterable { case gss, ssl, cancel, startup, hello }
        var sequences: [[Item]] = [[]]
        for _ in 0..<4 { sequences += sequences.flatMap { tail in Item.allCases.map { tail + [$0] } } }
        for sequence in Set(sequences) {
            var machine = ConnectionMachine()
            var (isGSSDone, isSSLDone, isOver) = (false, false, false)
            for item in sequence {
                let action: Action
                switch item {
                case .gss: action = machine.received(.gssEncRequest)
                case .ssl: action = machine.received(.sslRequest)
                case .cancel: action = machine.received(.cancelRequest())
                case .startup: action = machine.received(.startup())
                case .hello: action = machine.received(Self.hello)
                }
                if isOver {
                    #expect(action == .wait)
                    continue
                }
                switch item {
                case .hello:
                    #expect(action == .resolveRoute(Self.parsed))
                    #expect(
                        machine.routeResolved(.route(Self.route))
                            == .startTLS(serverName: Self.name, received: Self.hello)
                    )
                    // What comes next would come through TLS; the machine takes nothing else now.
                    #expect(machine.received(.startup()) == .close(.handshakeFailed))
                    isOver = true
                case _ where isSSLDone:
                    // No ClientHello: BoringSSL gets the bytes and has the last word.
                    guard action == .resolveRoute(.silent) else {
                        Issue.record("\(sequence): \(action)")
                        return
                    }
                    isOver = true
                    _ = machine.failed()
                case .gss where isGSSDone:
                    #expect(action == .close(.repeatedGSSENCRequest))
                    isOver = true
                case .gss:
                    #expect(action == .answer(UInt8(ascii: "N")))
                    isGSSDone = true
                case .ssl:
                    #expect(action == .answer(UInt8(ascii: "S")))
                    isSSLDone = true
                case .cancel:
                    guard case .cancel = action else {
                        Issue.record("\(sequence): \(action)")
                        return
                    }
                    isOver = true
                case .startup:
                    #expect(action == .refuse(.tlsRequired))
                    isOver = true
                }
            }
        }
    }

    @Test("CVE-2021-23214 and CVE-2021-23222: bytes behind a request end the connection")
    func bytesBehindRequest() {
        for request in [ByteBuffer.sslRequest, .gssEncRequest] {
            for behind in [ByteBuffer(bytes: [0]), .startup(), Self.hello, .sslRequest] {
                var machine = ConnectionMachine()
                var bytes = request
                bytes.writeImmutableBuffer(behind)
                #expect(machine.received(bytes) == .close(.bytesBehindRequest))
                #expect(machine.received(.startup()) == .wait)
            }
        }
    }

    @Test("Any split of the preface and of the first packet gives the same actions")
    func anySplit() {
        let scripts: [(ByteBuffer, Action)] = [
            (.sslRequest, .answer(UInt8(ascii: "S"))), (.gssEncRequest, .answer(UInt8(ascii: "N"))),
            (.startup(), .refuse(.tlsRequired)), (Self.hello, .resolveRoute(Self.parsed)),
        ]
        for (bytes, expected) in scripts {
            Splits.forEach(bytes) { pieces in
                var machine = ConnectionMachine()
                #expect(self.actions(pieces, &machine) == [expected])
            }
        }
        Splits.forEach(.startup()) { pieces in
            var machine = self.encrypted()
            #expect(self.actions(pieces, &machine) == [.admit(Self.route)])
        }
    }

    private func actions(_ pieces: [ByteBuffer], _ machine: inout ConnectionMachine) -> [Action] {
        pieces.map { machine.received($0) }.filter { $0 != .wait }
    }

    @Test("Direct TLS without ALPN is refused, but only after its StartupMessage")
    func directTLSWithoutALPN() {
        for applicationProtocol in [nil, "h2"] {
            var machine = encrypted(direct: true, applicationProtocol: applicationProtocol)
            #expect(machine.received(.startup()) == .refuse(.directTLSWithoutALPN))
        }
        var machine = encrypted(direct: true)
        #expect(machine.received(.startup()) == .admit(Self.route))
    }

    @Test("After SSLRequest no ALPN is demanded")
    func classicTLSWithoutALPN() {
        var machine = encrypted(applicationProtocol: nil)
        #expect(machine.received(.startup()) == .admit(Self.route))
    }

    @Test("Requests inside TLS")
    func insideTLS() {
        let cases: [(ByteBuffer, Action)] = [
            (.sslRequest, .refuse(.nestedRequest)), (.gssEncRequest, .refuse(.nestedRequest)),
            (ByteBuffer(bytes: [0, 0, 0, 7]), .refuse(.malformedStartup)),
            (ByteBuffer(bytes: [0xff, 0xff, 0xff, 0xff]), .refuse(.malformedStartup)),
            (.startup(version: .init(major: 2, minor: 0)), .refuse(.unsupportedProtocol(.init(major: 2, minor: 0)))),
            (.startup(version: .init(major: 4, minor: 1)), .refuse(.unsupportedProtocol(.init(major: 4, minor: 1)))),
            (.startup(version: .init(major: 3, minor: 9_999)), .admit(Self.route)),
        ]
        for (packet, expected) in cases {
            var machine = encrypted()
            #expect(machine.received(packet) == expected)
        }
        var machine = encrypted()
        guard case .cancel(let request) = machine.received(.cancelRequest(processID: 7)) else {
            Issue.record("no cancel")
            return
        }
        #expect(request.key.processID == 7)
    }

    @Test("Without a server name the client is told so")
    func noServerName() {
        var machine = ConnectionMachine()
        let hello = ClientHelloBytes.make(serverName: nil)
        #expect(machine.received(.sslRequest) == .answer(UInt8(ascii: "S")))
        #expect(machine.received(hello) == .resolveRoute(.silent))
        #expect(machine.routeResolved(.refuse(.noServerName)) == .startTLS(serverName: nil, received: hello))
        #expect(machine.handshakeCompleted(applicationProtocol: nil) == .wait)
        #expect(machine.received(.startup()) == .refuse(.noServerName))
    }

    @Test(
        "What is neither PostgreSQL nor TLS is closed without a byte",
        arguments: ["GET / HTTP/1.1\r\n", "\0\0\0\u{7}", "SSH-2.0-x"]
    )
    func otherProtocols(text: String) {
        var machine = ConnectionMachine()
        #expect(machine.received(ByteBuffer(string: text)) == .close(.unknownProtocol))
    }

    @Test("A connection closed or reset without a byte is a probe; with bytes it is not")
    func probes() {
        var machine = ConnectionMachine()
        #expect(machine.inputClosed() == .close(.probe))
        machine = ConnectionMachine()
        #expect(machine.failed() == .close(.probe))
        machine = ConnectionMachine()
        #expect(machine.received(ByteBuffer(bytes: [0])) == .wait)
        #expect(machine.inputClosed() == .close(.clientClosed))
        machine = ConnectionMachine()
        #expect(machine.received(.sslRequest) == .answer(UInt8(ascii: "S")))
        #expect(machine.inputClosed() == .close(.clientClosed))
    }

    @Test("The deadline ends a handshake and nothing after it")
    func deadline() {
        var machine = ConnectionMachine()
        #expect(machine.deadlineReached() == .close(.handshakeTimeout))
        machine = encrypted()
        #expect(machine.deadlineReached() == .close(.handshakeTimeout))
        machine = admitting()
        #expect(machine.deadlineReached() == .wait)
        #expect(machine.admitted() == .dial(Self.route))
        #expect(machine.deadlineReached() == .wait)
    }

    @Test("What the route says is told inside TLS, after the StartupMessage")
    func refusedByRoute() {
        var machine = encrypted(decision: .refuse(.unknownHostname("x")))
        #expect(machine.received(.startup()) == .refuse(.unknownHostname("x")))
        #expect(machine.wantsRead)
    }

    @Test("A refused permit, a failed dial, a route that goes, a client that leaves while dialling")
    func endsOfDialling() {
        var machine = admitting()
        #expect(
            machine.refused(.limitReached(.connections, Self.route)) == .refuse(.limitReached(.connections, Self.route))
        )
        #expect(machine.admitted() == .wait)

        machine = dialing()
        #expect(machine.dialFailed() == .refuse(.backendUnavailable(Self.route)))

        for start in [admitting(), dialing()] {
            machine = start
            #expect(machine.routeGone() == .refuse(.backendUnavailable(Self.route)))
            #expect(machine.dialed() == .wait)
            machine = start
            #expect(machine.inputClosed() == .close(.clientClosed))
            #expect(machine.dialed() == .wait)
        }
    }

    @Test("A refused client has the linger time to close, and is closed when it has and all is said")
    func linger() {
        var machine = dialing()
        #expect(machine.dialFailed() == .refuse(.backendUnavailable(Self.route)))
        #expect(machine.startup == .client(.linger))
        #expect(machine.outputFinished() == .wait)
        #expect(machine.inputClosed() == .closeLingering)
        #expect(machine.startup == nil)

        machine = dialing()
        _ = machine.dialFailed()
        #expect(machine.inputClosed() == .wait, "not before all is said")
        #expect(machine.outputFinished() == .closeLingering)

        machine = dialing()
        _ = machine.dialFailed()
        #expect(machine.lingerExpired() == .closeLingering)
        #expect(machine.lingerExpired() == .wait)
    }

    @Test("A CancelRequest is served before the connection ends")
    func cancel() {
        var machine = ConnectionMachine()
        guard case .cancel = machine.received(.cancelRequest(processID: 7)) else {
            Issue.record("no cancel")
            return
        }
        #expect(machine.startup == .gateway)
        #expect(machine.inputClosed() == .wait)
        #expect(machine.evicted() == .wait, "a limit never blocks a cancel")
        #expect(machine.cancelServed() == .finish)
        #expect(machine.outputFinished() == .closeLingering)
    }

    @Test("Whose turn it is, which decides who is evicted")
    func turns() {
        var machine = ConnectionMachine()
        #expect(machine.startup == .client(.preface))
        _ = machine.received(.sslRequest)
        #expect(machine.startup == .client(.preface))
        _ = machine.received(Self.hello)
        #expect(machine.startup == .gateway)
        _ = machine.routeResolved(.route(Self.route))
        #expect(machine.startup == .gateway)
        machine.flightAnswered()
        #expect(machine.startup == .client(.tls))
        machine.flightReceived()
        #expect(machine.startup == .gateway)
        machine.flightAnswered()
        _ = machine.handshakeCompleted(applicationProtocol: nil)
        #expect(machine.startup == .client(.tls))
        _ = machine.received(.startup())
        #expect(machine.startup == nil)
    }

    @Test("A start-up is evicted, a session is not")
    func evicted() {
        var machine = ConnectionMachine()
        #expect(machine.evicted() == .close(.evicted))
        machine = encrypted()
        #expect(machine.evicted() == .close(.evicted))
        machine = dialing()
        #expect(machine.evicted() == .wait)
        _ = machine.dialFailed()
        #expect(machine.evicted() == .closeLingering)
    }

    @Test("A stop sends away who has not begun, and waits for the others")
    func draining() {
        var machine = ConnectionMachine()
        #expect(machine.draining() == .close(.gatewayClosed))
        machine = encrypted()
        #expect(machine.draining() == .wait)
        machine = dialing()
        #expect(machine.draining() == .wait)
        #expect(machine.gatewayClosed() == .close(.gatewayClosed))
    }

    @Test("Events that come too early or too late change nothing")
    func strayEvents() {
        var machine = ConnectionMachine()
        #expect(machine.routeResolved(.route(Self.route)) == .wait)
        #expect(machine.admitted() == .wait)
        #expect(machine.refused(.shuttingDown) == .wait)
        #expect(machine.dialed() == .wait)
        #expect(machine.dialFailed() == .wait)
        #expect(machine.routeGone() == .wait)
        #expect(machine.cancelServed() == .wait)
        #expect(machine.outputFinished() == .wait)
        #expect(machine.lingerExpired() == .wait)
        #expect(machine.handshakeCompleted(applicationProtocol: nil) == .close(.handshakeFailed))
        #expect(machine.handshakeCompleted(applicationProtocol: nil) == .wait)
        #expect(machine.inputClosed() == .wait)
        #expect(machine.deadlineReached() == .wait)
    }
}
