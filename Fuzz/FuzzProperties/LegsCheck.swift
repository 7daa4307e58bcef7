import GatewayCore

/// What a relay may still do to its legs, and how often it may end.
struct LegsCheck {
    private(set) var closed: Set<Side> = []
    private(set) var sessionEnds = 0
    private(set) var ends = 0

    mutating func close(_ side: Side) { closed.insert(side) }

    /// - Parameter actions: those of one event, with the legs that it closed already closed.
    mutating func check(_ actions: [RelayMachine.Action]) throws(Violation) {
        for action in actions {
            switch action {
            case .close(let side), .finishOutput(let side), .startLinger(let side):
                try require(!closed.contains(side), "\(action) of a closed leg")
            case .startAbandonment: try require(closed == [.client], "a backend goes on alone that is not alone")
            case .startRouteGrace, .cancelRouteGrace: break
            case .sessionEnded: sessionEnds += 1
            case .end: ends += 1
            }
        }
        try require(ends == (closed.count == 2 ? 1 : 0), "the end comes \(ends) times with \(closed.count) legs closed")
        try require(sessionEnds == (closed.contains(.client) ? 1 : 0), "a session ends \(sessionEnds) times")
    }
}
