/// Which leg of a session.
package enum Side: String, Hashable, Sendable {
    case client
    case backend

    package var other: Side {
        switch self {
        case .client: .backend
        case .backend: .client
        }
    }
}

/// When a session's two legs are half-closed and closed.
///
/// An end of input on one leg is passed on as an end of output on the other, after everything that
/// was received before it. Pure, like ``ConnectionMachine``.
///
/// A client that half-closes may still be waiting for a result, so its session goes on until the
/// server ends it. A server never half-closes: once it is done and all it sent was handed to the
/// kernel, a client that does not close is given a bounded time.
package struct RelayMachine: Sendable {
    package enum Action: Hashable, Sendable {
        /// Flush what was written to this leg, then end its output (close_notify, FIN).
        case finishOutput(Side)
        /// Close this leg if it is not closed within the linger time.
        case startLinger(Side)
        /// Close this leg for good, now.
        case close(Side)
        /// Both legs are closed: the session is over.
        case end
    }

    private struct Leg: Sendable {
        var isInputClosed = false
        var isOutputFinishing = false
        var isOutputFinished = false
        var isClosed = false
    }

    private var client = Leg()
    private var backend = Leg()

    package init() {}

    private subscript(side: Side) -> Leg {
        get {
            switch side {
            case .client: client
            case .backend: backend
            }
        }
        set {
            switch side {
            case .client: client = newValue
            case .backend: backend = newValue
            }
        }
    }

    /// This leg's peer will send no more.
    package mutating func inputClosed(_ side: Side) -> [Action] {
        guard !self[side].isInputClosed, !self[side].isClosed else { return [] }
        self[side].isInputClosed = true
        var actions = finishOutput(of: side.other)
        if self[side].isOutputFinished { actions.append(.close(side)) }
        return actions
    }

    /// All output to this leg was flushed and ended, or could not be.
    package mutating func outputFinished(_ side: Side) -> [Action] {
        guard !self[side].isOutputFinished, !self[side].isClosed else { return [] }
        self[side].isOutputFinished = true
        // The other leg is gone altogether: nobody is left to read what this one may still send.
        if self[side].isInputClosed || (side == .backend && self[side.other].isClosed) { return [.close(side)] }
        return side == .client ? [.startLinger(side)] : []
    }

    /// This leg is closed, by its peer, by an error or by us.
    package mutating func closed(_ side: Side) -> [Action] {
        guard !self[side].isClosed else { return [] }
        self[side].isClosed = true
        let other = side.other
        if self[other].isClosed { return [.end] }
        if self[other].isOutputFinished, side == .client || self[other].isInputClosed { return [.close(other)] }
        return finishOutput(of: other)
    }

    /// The linger time of this leg is over.
    package mutating func lingerExpired(_ side: Side) -> [Action] {
        self[side].isClosed ? [] : [.close(side)]
    }

    private mutating func finishOutput(of side: Side) -> [Action] {
        guard !self[side].isOutputFinishing, !self[side].isClosed else { return [] }
        self[side].isOutputFinishing = true
        return [.finishOutput(side)]
    }
}
