import GatewayCore
import NIOCore
import PostgresWire
import RouteMap

/// The state machines take events in any order: no trap, and nothing after the end.
enum MachineProperties {
    /// The first byte says which machine the script is for.
    static func check(_ script: inout ByteBuffer) throws(Violation) {
        guard let first = script.readInteger(as: UInt8.self), let route = FuzzRoutes.all.first else { return }
        switch first % 4 {
        case 0: try checkRelay(&script)
        case 1: try checkUpstream(&script, route)
        default: try checkConnection(&script, route)
        }
    }

    // MARK: ConnectionMachine

    private static func checkConnection(_ script: inout ByteBuffer, _ route: Route) throws(Violation) {
        var machine = ConnectionMachine()
        var isOver = false
        while let event = script.readInteger(as: UInt8.self) {
            let action = act(event, &machine, &script, route)
            if isOver { try require(action == .wait, "an action after the end: \(action)") }
            try check(action, machine, route)
            switch action {
            case .relay, .close, .closeLingering: isOver = true
            case .wait, .answer, .resolveRoute, .startTLS, .admit, .dial, .cancel, .refuse, .finish: break
            }
        }
    }

    private static func act(
        _ event: UInt8,
        _ machine: inout ConnectionMachine,
        _ script: inout ByteBuffer,
        _ route: Route
    ) -> ConnectionMachine.Action {
        switch event % 21 {
        case 0: return machine.handshakeCompleted(applicationProtocol: nil)
        case 1: return machine.handshakeCompleted(applicationProtocol: ConnectionMachine.applicationProtocol)
        case 2: return machine.failed()
        case 3: return machine.routeResolved(.route(route))
        case 4: return machine.routeResolved(.refuse(.unknownHostname("x")))
        case 5: return machine.dialed()
        case 6: return machine.dialFailed()
        case 7: return machine.inputClosed()
        case 8: return machine.deadlineReached()
        case 9: return machine.admitted()
        case 10: return machine.refused(.shuttingDown)
        case 11: return machine.routeGone()
        case 12: return machine.cancelServed()
        case 13: return machine.outputFinished()
        case 14: return machine.lingerExpired()
        case 15: return machine.evicted()
        case 16: return machine.draining()
        case 17: machine.flightReceived()
        case 18: machine.flightAnswered()
        case 19: return machine.received(script.readStretch())
        default: return machine.gatewayClosed()
        }
        return .wait
    }

    /// An action comes in the state that it belongs to.
    static func check(
        _ action: ConnectionMachine.Action,
        _ machine: ConnectionMachine,
        _ route: Route? = nil
    ) throws(Violation) {
        let isFit: Bool
        switch action {
        case .wait: isFit = true
        case .answer(let byte):
            isFit = machine.isStartingUp && (byte == UInt8(ascii: "S") || byte == UInt8(ascii: "N"))
        case .resolveRoute: isFit = machine.isStartingUp && machine.startup == .gateway
        case .startTLS(_, let received): isFit = machine.isHandshaking && received.readableBytes > 0
        case .admit(let admitted), .dial(let admitted):
            isFit = !machine.isStartingUp && !machine.wantsRead && machine.route == route ?? admitted
        case .cancel, .refuse, .finish: isFit = !machine.isStartingUp && machine.wantsRead && machine.startup != nil
        case .relay, .close, .closeLingering:
            isFit = !machine.isStartingUp && machine.wantsRead && machine.startup == nil && machine.route == nil
        }
        try require(isFit, "\(action) in another state than its own")
    }

    // MARK: UpstreamMachine

    /// A refusal comes once, only while its border between messages is known, and nothing is learned after the start-up.
    private static func checkUpstream(_ script: inout ByteBuffer, _ route: Route) throws(Violation) {
        var machine = UpstreamMachine(route: route)
        var scanner = BackendStartupScanner()
        var (refusals, logins, starts) = (0, 0, 0)
        while let event = script.readInteger(as: UInt8.self) {
            var refusal: Refusal?
            switch event % 8 {
            case 0: refusal = machine.closed()
            case 1: refusal = machine.authenticationTimedOut()
            case 2: refusal = machine.evicted(.unauthenticatedPerRoute)
            default:
                let bytes = script.readStretch()
                _ = scanner.observe(bytes)
                for action in machine.received(bytes) {
                    try require(starts == 0, "\(action) after the start-up")
                    switch action {
                    case .learn: break
                    case .authenticated: logins += 1
                    case .loginFailed: try require(logins == 0, "a login fails that has succeeded")
                    case .ready: starts += 1
                    }
                }
            }
            if refusal != nil {
                refusals += 1
                try require(
                    scanner.isBetweenMessages && starts == 0,
                    "a refusal in the middle of the server's messages"
                )
            }
            try require(
                refusals <= 1 && logins <= 1 && starts <= logins,
                "\(refusals) refusals, \(logins) logins, \(starts) starts"
            )
        }
    }

    // MARK: RelayMachine

    private static func checkRelay(_ script: inout ByteBuffer) throws(Violation) {
        var machine = RelayMachine(idleTimeout: .seconds(1), at: .uptimeNanoseconds(0))
        var legs = LegsCheck()
        while let event = script.readInteger(as: UInt8.self) {
            let side: Side = event & 1 == 0 ? .client : .backend
            var actions: [RelayMachine.Action] = []
            switch event >> 1 & 15 {
            case 0: actions = machine.inputClosed(side)
            case 1: actions = machine.inputClosed(.client, isTerminated: true)
            case 2: actions = machine.outputFinished(side)
            case 3: actions = machine.lingerExpired(side)
            case 4: actions = machine.finish()
            case 5: actions = machine.routeGone()
            case 6: actions = machine.routeReturned()
            case 7: actions = machine.routeGraceExpired()
            case 8: actions = machine.idleExpired(at: .uptimeNanoseconds(2_000_000_000))
            case 9: machine.ready()
            case 10: machine.active(at: .uptimeNanoseconds(UInt64(event) * 1_000_000_000))
            default:
                legs.close(side)
                actions = machine.closed(side)
            }
            try legs.check(actions)
        }
    }
}
