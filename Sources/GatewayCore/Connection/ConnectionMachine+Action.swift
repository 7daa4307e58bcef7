package import NIOCore
package import PostgresWire
package import RouteMap
package import TLSWire

extension ConnectionMachine {
    /// What the handler is to do. Nothing else is done between two events.
    package enum Action: Hashable, Sendable {
        /// Nothing until the next event.
        case wait
        /// Send this one byte, alone: `S` accepts an SSLRequest, `N` declines a GSSENCRequest.
        case answer(UInt8)
        /// Look the ClientHello's server name up, once, and tell the machine with ``lookedUp(_:)``.
        case lookUp(ClientHello)
        /// Put TLS in front, with the certificate of what was looked up, and give it these bytes.
        case startTLS(serverName: String?, received: ByteBuffer)
        /// Ask for the permits of a session: ``admitted()``, ``refused(_:)``, or neither while it waits.
        case admit(Route)
        /// Connect to the backend: ``dialed()`` or ``dialFailed()``.
        case dial(Route)
        /// Hand the connection over to a relay, which first sends these bytes to the backend.
        case relay(Route, toBackend: ByteBuffer)
        /// Serve a CancelRequest, then call ``cancelServed()``.
        case cancel(CancelRequest)
        /// Send an ErrorResponse and end the output: ``outputFinished()``. Start the linger time.
        case refuse(Refusal)
        /// End the output: ``outputFinished()``. Start the linger time.
        case finish
        /// Close without sending anything.
        case close(CloseReason)
        /// Close: all is said, and the client has closed or its time is over.
        case closeLingering
    }

    /// Where a server name leads.
    package enum Decision: Hashable, Sendable {
        case route(Route)
        case refuse(Refusal)
    }
}
