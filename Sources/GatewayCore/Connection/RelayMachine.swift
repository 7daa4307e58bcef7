package import NIOCore

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

/// When a session's two legs are half-closed and closed, and when the session is over.
///
/// An end of input on one leg is passed on as an end of output on the other, after everything that
/// was received before it. Pure, like ``ConnectionMachine``; the time comes in.
///
/// A client that half-closes may still be waiting for a result, so its session goes on until the
/// server ends it, unless the client cannot be waiting: before the first ReadyForQuery, and after a Terminate
/// message. A server never half-closes: once it is done and all it sent was handed to the kernel, a
/// client that does not close is given a bounded time.
///
/// The session ends with its client's leg. The backend's may outlive it: a server goes on with a query
/// whose client is gone, and until it has ended it can be cancelled.
package struct RelayMachine: Sendable {
    package enum Action: Hashable, Sendable {
        /// Flush what was written to this leg, then end its output (close_notify, FIN).
        case finishOutput(Side)
        /// Call ``RelayMachine/lingerExpired(_:)`` after the linger time.
        case startLinger(Side)
        /// Call ``RelayMachine/lingerExpired(_:)`` of the backend after the time that one without a client may go on.
        case startAbandonment
        /// Call ``RelayMachine/routeGraceExpired()`` after the grace time.
        case startRouteGrace
        case cancelRouteGrace
        /// Close this leg for good, now.
        case close(Side)
        /// The client's leg is closed: the session is over, its permits go back.
        case sessionEnded
        /// Both legs are closed: nothing is left.
        case end
    }

    private struct Leg: Sendable {
        var isInputClosed = false
        var isOutputFinishing = false
        var isOutputFinished = false
        var isLingering = false
        var isClosed = false
    }

    private var client = Leg()
    private var backend = Leg()
    /// Whether the first ReadyForQuery was relayed.
    private var isReady = false
    /// Whether the client can no longer be waiting for an answer.
    private var isOver = false
    private var isRouteGone = false
    private let idleTimeout: TimeAmount?
    private var lastByte: NIODeadline

    /// - Parameters:
    ///   - idleTimeout: both legs are ended after so long without a byte; nil for never.
    ///   - now: when the session began.
    package init(idleTimeout: TimeAmount? = nil, at now: NIODeadline = .uptimeNanoseconds(0)) {
        self.idleTimeout = idleTimeout
        lastByte = now
    }

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

    // MARK: Events

    /// The server's first ReadyForQuery was relayed.
    package mutating func ready() { isReady = true }

    /// A byte went one way or the other. Needed only where there is an idle timeout.
    package mutating func active(at now: NIODeadline) { lastByte = now }

    /// When ``idleExpired(at:)`` is to be called next; nil without an idle timeout.
    package var idleDeadline: NIODeadline? { idleTimeout.map { lastByte + $0 } }

    /// The time of ``idleDeadline`` is come; no action when a byte came after all.
    package mutating func idleExpired(at now: NIODeadline) -> [Action] {
        guard let idleDeadline, idleDeadline <= now, !client.isClosed else { return [] }
        return finish()
    }

    /// This leg's peer will send no more.
    ///
    /// - Parameter isTerminated: the client's final message was Terminate.
    package mutating func inputClosed(_ side: Side, isTerminated: Bool = false) -> [Action] {
        guard !self[side].isInputClosed, !self[side].isClosed else { return [] }
        self[side].isInputClosed = true
        // A client that leaves before the session has begun waits for nothing.
        if side == .client, !isReady { return finish() }
        if side == .client, isTerminated { isOver = true }
        var actions = finishOutput(of: side.other)
        if isOver, self[side.other].isOutputFinished { actions += linger(side.other, .startLinger(side.other)) }
        if self[side].isOutputFinished { actions.append(.close(side)) }
        return actions
    }

    /// All output to this leg was flushed and ended, or could not be.
    package mutating func outputFinished(_ side: Side) -> [Action] {
        guard !self[side].isOutputFinished, !self[side].isClosed else { return [] }
        self[side].isOutputFinished = true
        if self[side].isInputClosed { return [.close(side)] }
        if side == .backend, client.isClosed { return [withoutClient] }
        return side == .client || isOver || !isReady ? linger(side, .startLinger(side)) : []
    }

    /// This leg is closed, by its peer, by an error or by us.
    package mutating func closed(_ side: Side) -> [Action] {
        guard !self[side].isClosed else { return [] }
        self[side].isClosed = true
        let over: [Action] = side == .client ? [.sessionEnded] : []
        let other = side.other
        if self[other].isClosed { return over + [.end] }
        guard self[other].isOutputFinished else { return over + finishOutput(of: other) }
        if self[other].isInputClosed { return over + [.close(other)] }
        // A client has its linger time already; a server may have more to do.
        guard other == .backend else { return [] }
        return over + [withoutClient]
    }

    /// The time is over that this leg had to close: its linger time, or that of a backend without a client.
    package mutating func lingerExpired(_ side: Side) -> [Action] {
        self[side].isClosed ? [] : [.close(side)]
    }

    /// The session's route went. The server may say so itself, within the grace time.
    package mutating func routeGone() -> [Action] {
        guard !isRouteGone, !client.isClosed else { return [] }
        isRouteGone = true
        return [.startRouteGrace]
    }

    /// The route is back as it was.
    package mutating func routeReturned() -> [Action] {
        guard isRouteGone else { return [] }
        isRouteGone = false
        return [.cancelRouteGrace]
    }

    /// The grace time is over.
    package mutating func routeGraceExpired() -> [Action] {
        isRouteGone ? finish() : []
    }

    /// Ends both legs in an orderly way: output first, but within the linger time even if a peer does not read.
    package mutating func finish() -> [Action] {
        isOver = true
        return [Side.client, .backend].flatMap { side in
            self[side].isClosed ? [] : finishOutput(of: side) + linger(side, .startLinger(side))
        }
    }

    // MARK: Parts

    /// The fate of a backend that has received everything and whose client is gone. No one is left to read what it
    /// may still send, but it may be busy with a query, and be cancelled.
    private var withoutClient: Action { isReady && !isOver ? .startAbandonment : .close(.backend) }

    private mutating func finishOutput(of side: Side) -> [Action] {
        guard !self[side].isOutputFinishing, !self[side].isClosed else { return [] }
        self[side].isOutputFinishing = true
        return [.finishOutput(side)]
    }

    private mutating func linger(_ side: Side, _ action: Action) -> [Action] {
        guard !self[side].isLingering, !self[side].isClosed else { return [] }
        self[side].isLingering = true
        return [action]
    }
}
