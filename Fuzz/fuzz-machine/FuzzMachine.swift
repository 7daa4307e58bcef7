// libFuzzer on the state machines: the input is a script of events. Built and run by `make fuzz`.

import FuzzDriver
import GatewayCore
import NIOCore
import PostgresWire
import RouteMap

@main
struct FuzzMachine {
    static func main() {
        FuzzDriver.run(testOneInput)
    }
}

func testOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var script = ByteBuffer(bytes: UnsafeBufferPointer(start: start, count: count))
    switch script.readInteger(as: UInt8.self) {
    case .some(let first) where first % 4 == 0: driveRelay(&script)
    case .some: driveConnection(&script)
    case nil: break
    }
    return 0
}

private let target = Target(id: "dbt_1", name: "dev", database: "shop", project: "shop")

/// Events in any order: no trap, and after the end nothing but `wait`.
private func driveConnection(_ script: inout ByteBuffer) {
    guard let hostname = try? Hostname("dev.example") else { return }
    let route = Route(hostname: hostname, hostPort: 10_000, target: target)
    var machine = ConnectionMachine()
    var isOver = false
    while let event = script.readInteger(as: UInt8.self) {
        let action: ConnectionMachine.Action
        switch event % 20 {
        case 0: action = machine.handshakeCompleted(applicationProtocol: nil)
        case 1: action = machine.handshakeCompleted(applicationProtocol: "postgresql")
        case 2: action = machine.failed()
        case 3: action = machine.lookedUp(.route(route))
        case 4: action = machine.lookedUp(.refuse(.unknownHostname("x")))
        case 5: action = machine.dialed()
        case 6: action = machine.dialFailed()
        case 7: action = machine.inputClosed()
        case 8: action = machine.deadlineReached()
        case 9: action = machine.admitted()
        case 10: action = machine.refused(.shuttingDown)
        case 11: action = machine.routeGone()
        case 12: action = machine.cancelServed()
        case 13: action = machine.outputFinished()
        case 14: action = machine.lingerExpired()
        case 15: action = machine.evicted()
        case 16: action = machine.draining()
        case 17:
            machine.flightReceived()
            action = .wait
        case 18:
            machine.flightAnswered()
            action = .wait
        default:
            let length = min(Int(script.readInteger(as: UInt8.self) ?? 0), script.readableBytes)
            action = machine.received(script.readSlice(length: length) ?? ByteBuffer())
        }
        if isOver { precondition(action == .wait, "an action after the end: \(action)") }
        switch action {
        case .wait:
            break
        case .answer(let byte):
            precondition(byte == UInt8(ascii: "S") || byte == UInt8(ascii: "N"))
            precondition(machine.isStartingUp)
        case .lookUp:
            precondition(machine.isStartingUp && machine.startup == .gateway)
        case .startTLS(_, let received):
            precondition(received.readableBytes > 0)
        case .admit(let admitted), .dial(let admitted):
            precondition(admitted == route)
            precondition(!machine.isStartingUp && !machine.wantsRead && machine.route == route)
        case .cancel, .refuse, .finish:
            precondition(!machine.isStartingUp && machine.wantsRead && machine.startup != nil)
        case .relay, .close, .closeLingering:
            precondition(!machine.isStartingUp && machine.wantsRead && machine.startup == nil)
            isOver = true
        }
    }
}

private func driveRelay(_ script: inout ByteBuffer) {
    var machine = RelayMachine(idleTimeout: .seconds(1), at: .uptimeNanoseconds(0))
    var closed: Set<Side> = []
    var (ends, sessionEnds) = (0, 0)
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
            actions = machine.closed(side)
            closed.insert(side)
        }
        for action in actions {
            switch action {
            case .close(let side), .finishOutput(let side), .startLinger(let side):
                precondition(!closed.contains(side), "\(action) of a closed leg")
            case .startAbandonment:
                precondition(closed == [.client])
            case .startRouteGrace, .cancelRouteGrace:
                break
            case .sessionEnded:
                sessionEnds += 1
            case .end:
                ends += 1
            }
        }
        precondition(ends == (closed.count == 2 ? 1 : 0), "the end does not come once")
        precondition(sessionEnds == (closed.contains(.client) ? 1 : 0), "a session does not end once")
    }
}
