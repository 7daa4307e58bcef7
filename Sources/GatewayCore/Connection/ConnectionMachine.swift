package import NIOCore
import PostgresWire
package import RouteMap
import TLSWire

/// The life of a client's connection from accept to close.
///
/// Pure: no channel, no clock, no socket. Events go in, one action comes out; the handler runs it and
/// reports the result. Follows PostgreSQL's `ProcessSSLStartup` and `ProcessStartupPacket`
/// (`backend_startup.c`). Deviations: a second GSSENCRequest ends the connection without a text
/// (PostgreSQL answers 0A000), since no driver shows a text sent before TLS; and direct TLS without
/// ALPN is refused inside TLS with a text, where PostgreSQL ends the handshake.
package struct ConnectionMachine: Sendable {
    /// The ALPN protocol of PostgreSQL (IANA registry of TLS ALPN protocol IDs).
    package static let applicationProtocol = "postgresql"

    private enum State: Sendable {
        case preface(isGSSDeclined: Bool)
        case clientHello(ClientHelloReader, isDirect: Bool)
        case lookup(ClientHello, isDirect: Bool)
        /// `isWaiting`: bytes of the client are here that the gateway has not worked on.
        case handshake(Decision, isDirect: Bool, isWaiting: Bool)
        case firstPacket(Decision)
        case admission(Route, StartupMessage)
        case dialing(Route, StartupMessage)
        case cancelling
        case lingering(isInputClosed: Bool, isOutputFinished: Bool)
        case handedOver
        case closed
    }

    private var state = State.preface(isGSSDeclined: false)
    /// Bytes received but not yet consumed.
    private var unread = ByteBuffer()
    /// Whether the client will send no more.
    private var isInputClosed = false

    package init() {}

    // MARK: State

    /// Whether bytes from the client have no use now and are better left in the socket.
    package var wantsRead: Bool {
        switch state {
        case .preface, .clientHello, .lookup, .handshake, .firstPacket: true
        case .admission, .dialing: false
        // Read and drop later input, so that a reset does not discard the last message.
        case .cancelling, .lingering, .handedOver, .closed: true
        }
    }

    /// Whether the deadline from accept to the first complete packet still runs.
    package var isStartingUp: Bool {
        switch state {
        case .preface, .clientHello, .lookup, .handshake, .firstPacket: true
        case .admission, .dialing, .cancelling, .lingering, .handedOver, .closed: false
        }
    }

    /// Whether TLS has begun and is not established: from the first byte that can only be TLS's.
    package var isHandshaking: Bool {
        switch state {
        case .clientHello, .lookup, .handshake: true
        case .preface, .firstPacket, .admission, .dialing, .cancelling, .lingering, .handedOver, .closed: false
        }
    }

    /// The route of a session that waits or is dialled; nil before and after.
    package var route: Route? {
        switch state {
        case .admission(let route, _), .dialing(let route, _): route
        case .preface, .clientHello, .lookup, .handshake, .firstPacket, .cancelling, .lingering, .handedOver, .closed:
            nil
        }
    }

    /// The connection's place among start-ups, and which side has to act next; nil without one.
    package var startup: StartupTurn? {
        switch state {
        case .preface, .clientHello: .client(.preface)
        case .lookup: .gateway
        case .handshake(_, _, let isWaiting): isWaiting ? .gateway : .client(.tls)
        case .firstPacket: .client(.tls)
        case .cancelling: .gateway
        case .lingering: .client(.linger)
        case .admission, .dialing, .handedOver, .closed: nil
        }
    }

    // MARK: Events of the client

    /// Bytes from the client: from the socket before TLS, decrypted ones after.
    package mutating func received(_ bytes: ByteBuffer) -> Action {
        guard bytes.readableBytes > 0 else { return .wait }
        switch state {
        case .preface(let isGSSDeclined):
            unread.writeImmutableBuffer(bytes)
            return readPreface(isGSSDeclined: isGSSDeclined)
        case .clientHello(let reader, let isDirect):
            unread.writeImmutableBuffer(bytes)
            return readClientHello(reader, isDirect: isDirect, newBytes: bytes)
        case .lookup, .handshake:
            // TLS stands in front and hands over nothing before it is done.
            return end(.close(.handshakeFailed))
        case .firstPacket(let decision):
            unread.writeImmutableBuffer(bytes)
            return readFirstPacket(decision)
        case .admission, .dialing:
            unread.writeImmutableBuffer(bytes)
            return .wait
        case .cancelling, .lingering, .handedOver, .closed:
            return .wait
        }
    }

    /// The client will send no more.
    package mutating func inputClosed() -> Action {
        isInputClosed = true
        switch state {
        case .handedOver, .closed, .cancelling:
            return .wait
        case .lingering(_, let isOutputFinished):
            // A client that is done sending, `tokio-postgres` after a CancelRequest for one, still gets the answer.
            state = .lingering(isInputClosed: true, isOutputFinished: isOutputFinished)
            return isOutputFinished ? close() : .wait
        case .preface(isGSSDeclined: false) where unread.readableBytes == 0:
            return end(.close(.probe))
        case .lookup, .handshake:
            return end(.close(.handshakeFailed))
        case .preface, .clientHello, .firstPacket, .admission, .dialing:
            return end(.close(.clientClosed))
        }
    }

    /// The connection broke, or TLS could not go on. A reset before the first byte is a probe, too.
    package mutating func failed() -> Action {
        switch state {
        case .lingering, .cancelling:
            state = .closed
            return .closeLingering
        default:
            return inputClosed()
        }
    }

    // MARK: Events of TLS

    /// The answer to ``Action/resolveRoute(_:)``.
    package mutating func routeResolved(_ decision: Decision) -> Action {
        guard case .lookup(let hello, let isDirect) = state else { return .wait }
        state = .handshake(decision, isDirect: isDirect, isWaiting: true)
        let received = unread
        unread = ByteBuffer()
        return .startTLS(serverName: hello.serverName, received: received)
    }

    /// Bytes of the handshake are here that the gateway has still to work on.
    package mutating func flightReceived() {
        if case .handshake(let decision, let isDirect, _) = state {
            state = .handshake(decision, isDirect: isDirect, isWaiting: true)
        }
    }

    /// The gateway's own flight of the handshake is written.
    package mutating func flightAnswered() {
        if case .handshake(let decision, let isDirect, _) = state {
            state = .handshake(decision, isDirect: isDirect, isWaiting: false)
        }
    }

    /// The TLS handshake is done, with this ALPN protocol or none.
    package mutating func handshakeCompleted(applicationProtocol: String?) -> Action {
        switch state {
        case .handshake(let decision, let isDirect, _):
            let isRefused = isDirect && applicationProtocol != Self.applicationProtocol
            state = .firstPacket(isRefused ? .refuse(.directTLSWithoutALPN) : decision)
            return .wait
        case .cancelling, .lingering, .handedOver, .closed:
            return .wait
        case .preface, .clientHello, .lookup, .firstPacket, .admission, .dialing:
            return end(.close(.handshakeFailed))
        }
    }

    // MARK: Events of the gateway

    /// The answer to ``Action/admit(_:)``: dial.
    package mutating func admitted() -> Action {
        guard case .admission(let route, let message) = state else { return .wait }
        state = .dialing(route, message)
        return .dial(route)
    }

    /// The session is not admitted, or its route went away while it was dialled.
    package mutating func refused(_ refusal: Refusal) -> Action {
        switch state {
        case .admission, .dialing: refuse(refusal)
        case .preface, .clientHello, .lookup, .handshake, .firstPacket, .cancelling, .lingering, .handedOver, .closed:
            .wait
        }
    }

    /// The backend accepted the connection.
    package mutating func dialed() -> Action {
        guard case .dialing(let route, let message) = state else { return .wait }
        var bytes = message.packet
        bytes.writeImmutableBuffer(unread)
        state = .handedOver
        unread = ByteBuffer()
        return .relay(route, toBackend: bytes)
    }

    /// The backend refused the connection, or did not answer in time.
    package mutating func dialFailed() -> Action {
        guard case .dialing(let route, _) = state else { return .wait }
        return refuse(.backendUnavailable(route))
    }

    /// The route is gone, or points elsewhere.
    package mutating func routeGone() -> Action {
        switch state {
        case .admission(let route, _), .dialing(let route, _): refuse(.backendUnavailable(route))
        default: .wait
        }
    }

    /// A CancelRequest was passed on and answered, or could not be.
    package mutating func cancelServed() -> Action {
        guard case .cancelling = state else { return .wait }
        state = .lingering(isInputClosed: isInputClosed, isOutputFinished: false)
        return .finish
    }

    /// All that was written is handed to the kernel and the output ended, or could not be.
    package mutating func outputFinished() -> Action {
        guard case .lingering(let isInputClosed, _) = state else { return .wait }
        state = .lingering(isInputClosed: isInputClosed, isOutputFinished: true)
        return isInputClosed ? close() : .wait
    }

    /// The time is over that a client has to read the last message and close.
    package mutating func lingerExpired() -> Action {
        guard case .lingering = state else { return .wait }
        return close()
    }

    /// The time from accept to a complete first packet is over.
    package mutating func deadlineReached() -> Action {
        isStartingUp ? end(.close(.handshakeTimeout)) : .wait
    }

    /// Another start-up needs the place of this one.
    package mutating func evicted() -> Action {
        switch state {
        case .preface, .clientHello, .lookup, .handshake, .firstPacket: end(.close(.evicted))
        case .lingering: close()
        case .admission, .dialing, .cancelling, .handedOver, .closed: .wait
        }
    }

    /// The gateway begins to stop: close a client that has sent nothing; refuse the others inside TLS.
    package mutating func draining() -> Action {
        switch state {
        case .preface, .clientHello, .lingering: gatewayClosed()
        case .lookup, .handshake, .firstPacket, .admission, .dialing, .cancelling, .handedOver, .closed: .wait
        }
    }

    /// The gateway is stopping and waits no longer.
    package mutating func gatewayClosed() -> Action {
        switch state {
        case .handedOver, .closed: .wait
        case .lingering, .cancelling: close()
        case .preface, .clientHello, .lookup, .handshake, .firstPacket, .admission, .dialing:
            end(.close(.gatewayClosed))
        }
    }

    // MARK: Phases

    private mutating func readPreface(isGSSDeclined: Bool) -> Action {
        guard let first = unread.getInteger(at: unread.readerIndex, as: UInt8.self) else { return .wait }
        if first == 0x16 {  // a TLS handshake record; no start-up packet is this long
            return readClientHello(ClientHelloReader(), isDirect: true, newBytes: unread)
        }
        let packet: StartupPacket?
        do {
            packet = try StartupPacket.decode(from: &unread)
        } catch .unsupportedVersion(let version) where version.major == 2 {
            return refuse(.tlsRequired)
        } catch .invalidParameters {
            return refuse(.tlsRequired)
        } catch {
            return end(.close(.unknownProtocol))
        }
        switch packet {
        case nil:
            return .wait
        case .sslRequest:
            guard unread.readableBytes == 0 else { return end(.close(.bytesBehindRequest)) }
            state = .clientHello(ClientHelloReader(), isDirect: false)
            return .answer(UInt8(ascii: "S"))
        case .gssEncRequest:
            guard unread.readableBytes == 0 else { return end(.close(.bytesBehindRequest)) }
            guard !isGSSDeclined else { return end(.close(.repeatedGSSENCRequest)) }
            state = .preface(isGSSDeclined: true)
            return .answer(UInt8(ascii: "N"))
        case .cancelRequest(let request):
            return cancel(request)
        case .startupMessage:
            return refuse(.tlsRequired)
        }
    }

    private mutating func readClientHello(
        _ reader: ClientHelloReader,
        isDirect: Bool,
        newBytes: ByteBuffer
    ) -> Action {
        var reader = reader
        // The payload of the state would otherwise be a second reference and be copied.
        state = .closed
        let hello: ClientHello
        switch reader.receive(newBytes) {
        case .incomplete:
            state = .clientHello(reader, isDirect: isDirect)
            return .wait
        case .complete(let read):
            hello = read
        case .unreadable:
            // BoringSSL gets the bytes and sends the alert that fits them.
            hello = .silent
        }
        state = .lookup(hello, isDirect: isDirect)
        return .resolveRoute(hello)
    }

    private mutating func readFirstPacket(_ decision: Decision) -> Action {
        let packet: StartupPacket?
        do {
            packet = try StartupPacket.decode(from: &unread)
        } catch .unsupportedVersion(let version) {
            return refuse(.unsupportedProtocol(version))
        } catch {
            return refuse(.malformedStartup)
        }
        switch packet {
        case nil:
            return .wait
        case .sslRequest, .gssEncRequest:
            return refuse(.nestedRequest)
        case .cancelRequest(let request):
            return cancel(request)
        case .startupMessage(let message):
            switch decision {
            case .refuse(let refusal):
                return refuse(refusal)
            case .route(let route):
                state = .admission(route, message)
                return .admit(route)
            }
        }
    }

    private mutating func cancel(_ request: CancelRequest) -> Action {
        state = .cancelling
        unread = ByteBuffer()
        return .cancel(request)
    }

    private mutating func refuse(_ refusal: Refusal) -> Action {
        state = .lingering(isInputClosed: isInputClosed, isOutputFinished: false)
        unread = ByteBuffer()
        return .refuse(refusal)
    }

    private mutating func close() -> Action {
        state = .closed
        return .closeLingering
    }

    private mutating func end(_ action: Action) -> Action {
        state = .closed
        unread = ByteBuffer()
        return action
    }
}
