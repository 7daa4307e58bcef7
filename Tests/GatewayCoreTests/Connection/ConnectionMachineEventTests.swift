import GatewayCore
import GatewayTestSupport
import NIOCore
import PostgresWire
import RouteMap
import TLSWire
import TestSupport
import Testing

/// Every event in every state that a connection can be in.
@Suite struct ConnectionMachineEventTests {
    private static let route = Fixtures.route("dev.pg.shop.example.net", port: 10_001)
    private static let hello = ClientHelloBytes.make(serverName: "dev.pg.shop.example.net")

    enum State: CaseIterable {
        case preface, halfRequest, afterGSS, clientHello, lookup, handshakeWaiting, handshake, firstPacket
        case refusedFirstPacket, admission, dialing, cancelling, lingering, outputFinished, handedOver, closed
    }

    enum Event: CaseIterable {
        case bytes, nothing, inputClosed, failed, lookedUp, flightReceived, flightAnswered, handshakeCompleted
        case admitted, refused, dialed, dialFailed, routeGone, cancelServed, outputFinished, lingerExpired
        case deadlineReached, evicted, draining, gatewayClosed
    }

    private func machine(in state: State) -> ConnectionMachine {
        var machine = ConnectionMachine()
        func upTo(_ goal: State) {
            _ = machine.received(.sslRequest)
            guard goal != .clientHello else { return }
            _ = machine.received(Self.hello)
            guard goal != .lookup else { return }
            _ = machine.routeResolved(goal == .refusedFirstPacket ? .refuse(.unknownHostname("x")) : .route(Self.route))
            guard goal != .handshakeWaiting else { return }
            machine.flightAnswered()
            guard goal != .handshake else { return }
            _ = machine.handshakeCompleted(applicationProtocol: "postgresql")
            guard ![.firstPacket, .refusedFirstPacket].contains(goal) else { return }
            _ = machine.received(.startup())
            guard goal != .admission else { return }
            _ = machine.admitted()
        }
        switch state {
        case .preface: break
        case .halfRequest: _ = machine.received(ByteBuffer(bytes: [0, 0, 0]))
        case .afterGSS: _ = machine.received(.gssEncRequest)
        case .cancelling: _ = machine.received(.cancelRequest())
        case .lingering, .outputFinished:
            upTo(.dialing)
            _ = machine.dialFailed()
            if state == .outputFinished { _ = machine.outputFinished() }
        case .handedOver:
            upTo(.dialing)
            _ = machine.dialed()
        case .closed: _ = machine.gatewayClosed()
        case .clientHello, .lookup, .handshakeWaiting, .handshake, .firstPacket, .refusedFirstPacket, .admission,
            .dialing:
            upTo(state)
        }
        return machine
    }

    private func apply(_ event: Event, to machine: inout ConnectionMachine) -> ConnectionMachine.Action {
        switch event {
        case .bytes: return machine.received(.startup())
        case .nothing: return machine.received(ByteBuffer())
        case .inputClosed: return machine.inputClosed()
        case .failed: return machine.failed()
        case .lookedUp: return machine.routeResolved(.route(Self.route))
        case .flightReceived:
            machine.flightReceived()
            return .wait
        case .flightAnswered:
            machine.flightAnswered()
            return .wait
        case .handshakeCompleted: return machine.handshakeCompleted(applicationProtocol: nil)
        case .admitted: return machine.admitted()
        case .refused: return machine.refused(.shuttingDown)
        case .dialed: return machine.dialed()
        case .dialFailed: return machine.dialFailed()
        case .routeGone: return machine.routeGone()
        case .cancelServed: return machine.cancelServed()
        case .outputFinished: return machine.outputFinished()
        case .lingerExpired: return machine.lingerExpired()
        case .deadlineReached: return machine.deadlineReached()
        case .evicted: return machine.evicted()
        case .draining: return machine.draining()
        case .gatewayClosed: return machine.gatewayClosed()
        }
    }

    @Test(
        "An action fits what the machine then says of itself, and after the end there is none",
        arguments: State.allCases
    )
    func everyEvent(state: State) {
        for event in Event.allCases {
            var machine = machine(in: state)
            let before = (isStartingUp: machine.isStartingUp, startup: machine.startup, route: machine.route)
            let action = apply(event, to: &machine)
            switch action {
            case .wait:
                break
            case .answer:
                #expect(machine.startup == .client(.preface))
            case .resolveRoute, .startTLS, .cancel:
                #expect(machine.startup == .gateway)
            case .admit, .dial:
                #expect(machine.route == Self.route && machine.startup == nil && !machine.wantsRead)
            case .relay:
                #expect(before.route == Self.route && machine.route == nil && machine.startup == nil)
            case .refuse, .finish:
                #expect(machine.startup == .client(.linger) && machine.wantsRead)
            case .close, .closeLingering:
                #expect(machine.startup == nil && machine.route == nil && !machine.isStartingUp)
                for later in Event.allCases {
                    #expect(apply(later, to: &machine) == .wait, "\(later) after \(event) in \(state)")
                }
            }
            // Nobody becomes a start-up again who was none, but to linger.
            if !before.isStartingUp { #expect(!machine.isStartingUp) }
        }
    }

    @Test("Whatever happens, one of the ways out is always open", arguments: State.allCases)
    func alwaysEnds(state: State) {
        for event in Event.allCases {
            var machine = machine(in: state)
            _ = apply(event, to: &machine)
            guard machine.startup != nil || machine.route != nil || machine.isStartingUp else { continue }
            let end = machine.gatewayClosed()
            switch end {
            case .close, .closeLingering: break
            default: Issue.record("\(event) in \(state) leaves a connection that nothing ends: \(end)")
            }
        }
    }
}
