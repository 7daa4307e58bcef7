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
        switch event % 11 {
        case 0: action = machine.handshakeCompleted(applicationProtocol: nil)
        case 1: action = machine.handshakeCompleted(applicationProtocol: "postgresql")
        case 2: action = machine.failed()
        case 3: action = machine.routed(.route(route))
        case 4: action = machine.routed(.refuse(.shuttingDown))
        case 5: action = machine.dialed()
        case 6: action = machine.dialFailed()
        case 7: action = machine.inputClosed()
        case 8: action = machine.deadlineReached()
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
            precondition(machine.isHandshaking)
        case .startTLS(_, let received):
            precondition(received.readableBytes > 0)
        case .route:
            precondition(!machine.isHandshaking && !machine.wantsRead)
        case .dial(let dialled):
            precondition(dialled == route)
        case .relay, .cancel, .refuse, .close:
            precondition(!machine.isHandshaking && machine.wantsRead)
            isOver = true
        }
    }
}

private func driveRelay(_ script: inout ByteBuffer) {
    var machine = RelayMachine()
    var closed: Set<Side> = []
    var ends = 0
    while let event = script.readInteger(as: UInt8.self) {
        let side: Side = event & 1 == 0 ? .client : .backend
        let actions: [RelayMachine.Action]
        switch event >> 1 & 3 {
        case 0: actions = machine.inputClosed(side)
        case 1: actions = machine.outputFinished(side)
        case 2: actions = machine.lingerExpired(side)
        default:
            actions = machine.closed(side)
            closed.insert(side)
        }
        for action in actions {
            switch action {
            case .close(let side), .finishOutput(let side), .startLinger(let side):
                precondition(!closed.contains(side), "\(action) of a closed leg")
            case .end:
                ends += 1
            }
        }
        precondition(ends == (closed.count == 2 ? 1 : 0), "the end does not come once")
    }
}
