import GatewayCore
import NIOCore
import Testing

@Suite struct RelayMachineTests {
    /// A machine whose session has begun.
    private func ready(idle: TimeAmount? = nil) -> RelayMachine {
        var machine = RelayMachine(idleTimeout: idle, at: .uptimeNanoseconds(0))
        machine.ready()
        return machine
    }

    @Test("A client that ends: its end is passed on, the server closes, all is closed")
    func clientEnds() {
        var machine = ready()
        #expect(machine.inputClosed(.client) == [.finishOutput(.backend)])
        #expect(machine.outputFinished(.backend) == [])
        #expect(machine.inputClosed(.backend) == [.finishOutput(.client), .close(.backend)])
        #expect(machine.closed(.backend) == [])
        #expect(machine.outputFinished(.client) == [.close(.client)])
        #expect(machine.closed(.client) == [.sessionEnded, .end])
    }

    @Test("A server that ends: the client gets everything, then a bounded time to close")
    func serverEnds() {
        var machine = ready()
        #expect(machine.inputClosed(.backend) == [.finishOutput(.client)])
        #expect(machine.outputFinished(.client) == [.startLinger(.client)])
        #expect(machine.lingerExpired(.client) == [.close(.client)])
        #expect(machine.closed(.client) == [.sessionEnded, .finishOutput(.backend)])
        #expect(machine.outputFinished(.backend) == [.close(.backend)])
        #expect(machine.closed(.backend) == [.end])
    }

    @Test("A half-closed client may wait for its result as long as it takes")
    func halfClosedClientWaits() {
        var machine = ready()
        #expect(machine.inputClosed(.client) == [.finishOutput(.backend)])
        #expect(machine.outputFinished(.backend) == [])
        // A reset, or keepalive, tells that the client is gone for good.
        #expect(machine.closed(.client) == [.sessionEnded, .startAbandonment])
        #expect(machine.lingerExpired(.backend) == [.close(.backend)])
        #expect(machine.closed(.backend) == [.end])
    }

    @Test("A client that said Terminate waits for nothing: a hung server's session ends")
    func terminated() {
        var machine = ready()
        #expect(machine.inputClosed(.client, isTerminated: true) == [.finishOutput(.backend)])
        #expect(machine.outputFinished(.backend) == [.startLinger(.backend)])
        #expect(machine.lingerExpired(.backend) == [.close(.backend)])
        #expect(machine.closed(.backend) == [.finishOutput(.client)])
        #expect(machine.outputFinished(.client) == [.close(.client)])
        #expect(machine.closed(.client) == [.sessionEnded, .end])
    }

    @Test("A client that half-closes before the session has begun ends it, whatever the server does")
    func abandonedStartup() {
        var machine = RelayMachine()
        let ends: [RelayMachine.Action] = [
            .finishOutput(.client), .startLinger(.client), .finishOutput(.backend), .startLinger(.backend),
        ]
        #expect(machine.inputClosed(.client) == ends)
        #expect(machine.outputFinished(.client) == [.close(.client)])
        #expect(machine.closed(.client) == [.sessionEnded])
        #expect(machine.outputFinished(.backend) == [.close(.backend)])
        #expect(machine.closed(.backend) == [.end])
    }

    @Test("A reset client's session is over at once; its server may go on for a while, and be cancelled")
    func resetClient() {
        var machine = ready()
        #expect(machine.closed(.client) == [.sessionEnded, .finishOutput(.backend)])
        #expect(machine.outputFinished(.backend) == [.startAbandonment])
        #expect(machine.inputClosed(.backend) == [.close(.backend)])
        #expect(machine.closed(.backend) == [.end])
    }

    @Test("A reset server's client hears the rest, and the session ends")
    func resetServer() {
        var machine = ready()
        #expect(machine.closed(.backend) == [.finishOutput(.client)])
        #expect(machine.outputFinished(.client) == [.startLinger(.client)])
        #expect(machine.closed(.client) == [.sessionEnded, .end])
    }

    @Test("A route that goes leaves the server its time, then ends both legs; one that returns does not")
    func routeGone() {
        var machine = ready()
        #expect(machine.routeGone() == [.startRouteGrace])
        #expect(machine.routeGone() == [])
        #expect(machine.routeReturned() == [.cancelRouteGrace])
        #expect(machine.routeGraceExpired() == [])
        #expect(machine.routeGone() == [.startRouteGrace])
        #expect(machine.routeGraceExpired().contains(.finishOutput(.client)))
        #expect(machine.routeReturned() != [.startRouteGrace])
    }

    @Test("Idle for the whole timeout, and not one byte earlier")
    func idle() {
        var machine = ready(idle: .seconds(10))
        #expect(machine.idleDeadline == .uptimeNanoseconds(10_000_000_000))
        machine.active(at: .uptimeNanoseconds(4_000_000_000))
        #expect(machine.idleExpired(at: .uptimeNanoseconds(10_000_000_000)) == [])
        #expect(machine.idleDeadline == .uptimeNanoseconds(14_000_000_000))
        #expect(machine.idleExpired(at: .uptimeNanoseconds(14_000_000_000)).contains(.finishOutput(.client)))
        #expect(ready().idleDeadline == nil)
    }

    @Test("An orderly end waits for nobody: a client that does not read is closed as well")
    func finish() {
        var machine = ready()
        let ends: [RelayMachine.Action] = [
            .finishOutput(.client), .startLinger(.client), .finishOutput(.backend), .startLinger(.backend),
        ]
        #expect(machine.finish() == ends)
        #expect(machine.finish() == [])
        #expect(machine.lingerExpired(.client) == [.close(.client)])
        #expect(machine.closed(.client) == [.sessionEnded])
    }

    /// All orders of up to five events, before and after ReadyForQuery: every leg is told to close at most while
    /// it is open, the session ends once, with its client, the end comes exactly once and only when both legs
    /// are closed, repeated events do nothing, and nothing is left waiting for ever.
    @Test("Any order of events ends once", arguments: [true, false])
    func anyOrder(isReady: Bool) {
        enum Event: CaseIterable {
            case clientInput, terminate, backendInput, clientOutput, backendOutput, clientClosed, backendClosed
            case routeGone, graceOver
        }
        func explore(_ machine: RelayMachine, depth: Int, closed: Set<Side>, ends: Int, sessionEnds: Int) {
            #expect(ends == (closed.count == 2 ? 1 : 0))
            #expect(sessionEnds == (closed.contains(.client) ? 1 : 0))
            guard depth > 0 else { return }
            for event in Event.allCases {
                var next = machine
                var nowClosed = closed
                let actions: [RelayMachine.Action]
                switch event {
                case .clientInput: actions = next.inputClosed(.client)
                case .terminate: actions = next.inputClosed(.client, isTerminated: true)
                case .backendInput: actions = next.inputClosed(.backend)
                case .clientOutput: actions = next.outputFinished(.client)
                case .backendOutput: actions = next.outputFinished(.backend)
                case .routeGone: actions = next.routeGone()
                case .graceOver: actions = next.routeGraceExpired()
                case .clientClosed:
                    actions = next.closed(.client)
                    nowClosed.insert(.client)
                case .backendClosed:
                    actions = next.closed(.backend)
                    nowClosed.insert(.backend)
                }
                for case .close(let side) in actions { #expect(!nowClosed.contains(side)) }
                for case .finishOutput(let side) in actions { #expect(!nowClosed.contains(side)) }
                explore(
                    next,
                    depth: depth - 1,
                    closed: nowClosed,
                    ends: ends + actions.count { $0 == .end },
                    sessionEnds: sessionEnds + actions.count { $0 == .sessionEnded }
                )
            }
        }
        var machine = RelayMachine()
        if isReady { machine.ready() }
        explore(machine, depth: 5, closed: [], ends: 0, sessionEnds: 0)
    }
}
