import GatewayCore
import Testing

@Suite struct RelayMachineTests {
    @Test("A client that ends: its end is passed on, the server closes, all is closed")
    func clientEnds() {
        var machine = RelayMachine()
        #expect(machine.inputClosed(.client) == [.finishOutput(.backend)])
        #expect(machine.outputFinished(.backend) == [])
        #expect(machine.inputClosed(.backend) == [.finishOutput(.client), .close(.backend)])
        #expect(machine.closed(.backend) == [])
        #expect(machine.outputFinished(.client) == [.close(.client)])
        #expect(machine.closed(.client) == [.end])
    }

    @Test("A server that ends: the client gets everything, then a bounded time to close")
    func serverEnds() {
        var machine = RelayMachine()
        #expect(machine.inputClosed(.backend) == [.finishOutput(.client)])
        #expect(machine.outputFinished(.client) == [.startLinger(.client)])
        #expect(machine.lingerExpired(.client) == [.close(.client)])
        #expect(machine.closed(.client) == [.finishOutput(.backend)])
        #expect(machine.outputFinished(.backend) == [.close(.backend)])
        #expect(machine.closed(.backend) == [.end])
    }

    @Test("A half-closed client may wait for its result as long as it takes")
    func halfClosedClientWaits() {
        var machine = RelayMachine()
        #expect(machine.inputClosed(.client) == [.finishOutput(.backend)])
        #expect(machine.outputFinished(.backend) == [])
        // A reset, or keepalive, tells that the client is gone for good: the server is closed, too.
        #expect(machine.closed(.client) == [.close(.backend)])
        #expect(machine.closed(.backend) == [.end])
    }

    @Test("A reset of one leg ends the other")
    func reset() {
        for side in [Side.client, .backend] {
            var machine = RelayMachine()
            #expect(machine.closed(side) == [.finishOutput(side.other)])
            #expect(machine.closed(side.other) == [.end])
        }
    }

    /// All orders of up to six events: every leg is told to close at most while it is open, the end
    /// comes exactly once and only when both are closed, and repeated events do nothing.
    @Test("Any order of events ends once")
    func anyOrder() {
        enum Event: CaseIterable {
            case clientInput, backendInput, clientOutput, backendOutput, clientClosed, backendClosed
        }
        func explore(_ machine: RelayMachine, depth: Int, closed: Set<Side>, ends: Int) {
            #expect(ends == (closed.count == 2 ? 1 : 0))
            guard depth > 0 else { return }
            for event in Event.allCases {
                var next = machine
                var nowClosed = closed
                let actions: [RelayMachine.Action]
                switch event {
                case .clientInput: actions = next.inputClosed(.client)
                case .backendInput: actions = next.inputClosed(.backend)
                case .clientOutput: actions = next.outputFinished(.client)
                case .backendOutput: actions = next.outputFinished(.backend)
                case .clientClosed:
                    actions = next.closed(.client)
                    nowClosed.insert(.client)
                case .backendClosed:
                    actions = next.closed(.backend)
                    nowClosed.insert(.backend)
                }
                for case .close(let side) in actions { #expect(!nowClosed.contains(side)) }
                for case .finishOutput(let side) in actions { #expect(!nowClosed.contains(side)) }
                explore(next, depth: depth - 1, closed: nowClosed, ends: ends + actions.count { $0 == .end })
            }
        }
        explore(RelayMachine(), depth: 6, closed: [], ends: 0)
    }
}
