package import NIOCore
package import PostgresWire
package import RouteMap
package import TLSWire

/// Where a connection stands between accept and relay, and what is to be done next.
///
/// Pure: no channel, no clock, no socket. Events go in, one action comes out; the handler runs it.
/// Follows PostgreSQL's `ProcessSSLStartup` and `ProcessStartupPacket` (`backend_startup.c`).
/// Deviations: a second GSSENCRequest ends the connection without a text (PostgreSQL answers
/// 0A000), since no driver shows a text sent before TLS; and direct TLS without ALPN is refused
/// inside TLS with a text, where PostgreSQL ends the handshake.
package struct ConnectionMachine: Sendable {
    /// The ALPN protocol of PostgreSQL (IANA registry of TLS ALPN protocol IDs).
    package static let applicationProtocol = "postgresql"

    /// What the handler is to do. Nothing else is done between two events.
    package enum Action: Hashable, Sendable {
        /// Nothing until the next event.
        case wait
        /// Send this one byte, alone: `S` accepts an SSLRequest, `N` declines a GSSENCRequest.
        case answer(UInt8)
        /// Put TLS in front and give it these bytes, the first it gets.
        case startTLS(ClientHello, received: ByteBuffer)
        /// Look this server name up and tell the machine with ``ConnectionMachine/routed(_:)``.
        case route(serverName: String)
        /// Connect to the backend and tell the machine how that went.
        case dial(Route)
        /// Send these bytes to the backend, then relay.
        case relay(Route, toBackend: ByteBuffer)
        /// Serve a CancelRequest, then close.
        case cancel(CancelRequest)
        /// Send an ErrorResponse, then close.
        case refuse(Refusal)
        /// Close without sending anything.
        case close(CloseReason)
    }

    /// Why a connection ends without an ErrorResponse. The raw value is the label in metrics and logs.
    package enum CloseReason: String, CaseIterable, Hashable, Sendable {
        /// Closed by the client before its first byte: a port probe.
        case probe
        /// Closed by the client before its start-up was complete.
        case clientClosed = "client_closed"
        /// Plaintext behind an SSLRequest or GSSENCRequest (CVE-2021-23214, CVE-2021-23222).
        case bytesBehindRequest = "bytes_behind_request"
        case repeatedGSSENCRequest = "repeated_gssencrequest"
        /// No request of PostgreSQL's, and no TLS.
        case unknownProtocol = "unknown_protocol"
        case handshakeFailed = "handshake_failed"
        case handshakeTimeout = "handshake_timeout"
        /// The gateway's drain timeout was over.
        case gatewayClosed = "gateway_closed"
    }

    /// The answer to ``Action/route(serverName:)``.
    package enum Decision: Hashable, Sendable {
        case route(Route)
        case refuse(Refusal)
    }

    private enum State: Sendable {
        case preface(isGSSDeclined: Bool)
        case clientHello(ClientHelloReader, isDirect: Bool)
        case handshake(ClientHello, isDirect: Bool)
        case firstPacket(serverName: String?, pendingRefusal: Refusal?)
        case routing(StartupMessage)
        case dialing(Route, StartupMessage)
        case ended
    }

    private var state = State.preface(isGSSDeclined: false)
    /// What was received and not yet consumed.
    private var unread = ByteBuffer()

    package init() {}

    /// Whether bytes from the client have no use now and are better left in the socket.
    package var wantsRead: Bool {
        switch state {
        case .preface, .clientHello, .handshake, .firstPacket: true
        case .routing, .dialing: false
        // What comes after the end is read and dropped, so that no reset swallows the last message.
        case .ended: true
        }
    }

    /// Whether the deadline from accept to the first complete packet still runs.
    package var isHandshaking: Bool {
        switch state {
        case .preface, .clientHello, .handshake, .firstPacket: true
        case .routing, .dialing, .ended: false
        }
    }

    // MARK: Events

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
        case .handshake:
            // TLS stands in front and hands over nothing before it is done.
            return end(.close(.handshakeFailed))
        case .firstPacket(let serverName, let pendingRefusal):
            unread.writeImmutableBuffer(bytes)
            return readFirstPacket(serverName: serverName, pendingRefusal: pendingRefusal)
        case .routing, .dialing:
            unread.writeImmutableBuffer(bytes)
            return .wait
        case .ended:
            return .wait
        }
    }

    /// The TLS handshake is done, with this ALPN protocol or none.
    package mutating func handshakeCompleted(applicationProtocol: String?) -> Action {
        switch state {
        case .handshake(let hello, let isDirect):
            let isRefused = isDirect && applicationProtocol != Self.applicationProtocol
            state = .firstPacket(
                serverName: hello.serverName,
                pendingRefusal: isRefused ? .directTLSWithoutALPN : nil
            )
            return .wait
        case .ended:
            return .wait
        case .preface, .clientHello, .firstPacket, .routing, .dialing:
            return end(.close(.handshakeFailed))
        }
    }

    /// The connection broke, or TLS could not go on. A reset before the first byte is a probe, too.
    package mutating func failed() -> Action {
        inputClosed()
    }

    /// The answer to ``Action/route(serverName:)``.
    package mutating func routed(_ decision: Decision) -> Action {
        switch state {
        case .routing(let message):
            switch decision {
            case .refuse(let refusal):
                return end(.refuse(refusal))
            case .route(let route):
                state = .dialing(route, message)
                return .dial(route)
            }
        case .preface, .clientHello, .handshake, .firstPacket, .dialing, .ended:
            return .wait
        }
    }

    /// The backend accepted the connection.
    package mutating func dialed() -> Action {
        switch state {
        case .dialing(let route, let message):
            var bytes = message.packet
            bytes.writeImmutableBuffer(unread)
            return end(.relay(route, toBackend: bytes))
        case .preface, .clientHello, .handshake, .firstPacket, .routing, .ended:
            return .wait
        }
    }

    /// The backend refused the connection, or did not answer in time.
    package mutating func dialFailed() -> Action {
        switch state {
        case .dialing(let route, _): end(.refuse(.backendUnavailable(route)))
        case .preface, .clientHello, .handshake, .firstPacket, .routing, .ended: .wait
        }
    }

    /// The client will send no more, or the connection is gone.
    package mutating func inputClosed() -> Action {
        switch state {
        case .ended:
            return .wait
        case .preface(isGSSDeclined: false) where unread.readableBytes == 0:
            return end(.close(.probe))
        case .handshake:
            return end(.close(.handshakeFailed))
        case .preface, .clientHello, .firstPacket, .routing, .dialing:
            return end(.close(.clientClosed))
        }
    }

    /// The time from accept to a complete first packet is over.
    package mutating func deadlineReached() -> Action {
        isHandshaking ? end(.close(.handshakeTimeout)) : .wait
    }

    /// The gateway is stopping and waits no longer.
    package mutating func gatewayClosed() -> Action {
        if case .ended = state { return .wait }
        return end(.close(.gatewayClosed))
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
            return end(.refuse(.tlsRequired))
        } catch .invalidParameters {
            return end(.refuse(.tlsRequired))
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
            return end(.cancel(request))
        case .startupMessage:
            return end(.refuse(.tlsRequired))
        }
    }

    private mutating func readClientHello(
        _ reader: ClientHelloReader,
        isDirect: Bool,
        newBytes: ByteBuffer
    ) -> Action {
        var reader = reader
        // The payload of the state would otherwise be a second reference and be copied.
        state = .ended
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
        state = .handshake(hello, isDirect: isDirect)
        let received = unread
        unread = ByteBuffer()
        return .startTLS(hello, received: received)
    }

    private mutating func readFirstPacket(serverName: String?, pendingRefusal: Refusal?) -> Action {
        let packet: StartupPacket?
        do {
            packet = try StartupPacket.decode(from: &unread)
        } catch .unsupportedVersion(let version) {
            return end(.refuse(.unsupportedProtocol(version)))
        } catch {
            return end(.refuse(.malformedStartup))
        }
        switch packet {
        case nil:
            return .wait
        case .sslRequest, .gssEncRequest:
            return end(.refuse(.nestedRequest))
        case .cancelRequest(let request):
            return end(.cancel(request))
        case .startupMessage(let message):
            if let pendingRefusal { return end(.refuse(pendingRefusal)) }
            guard let serverName else { return end(.refuse(.noServerName)) }
            state = .routing(message)
            return .route(serverName: serverName)
        }
    }

    private mutating func end(_ action: Action) -> Action {
        state = .ended
        unread = ByteBuffer()
        return action
    }
}
