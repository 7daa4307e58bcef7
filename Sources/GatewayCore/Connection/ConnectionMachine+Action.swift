package import NIOCore
package import PostgresWire
package import RouteMap
package import TLSWire

extension ConnectionMachine {
    /// The handler's next step. It does nothing else between two events.
    package enum Action: Hashable, Sendable {
        /// Nothing until the next event.
        case wait
        /// Send this one byte, alone: `S` accepts an SSLRequest, `N` declines a GSSENCRequest.
        case answer(UInt8)
        /// Look up the ClientHello's server name, once, and report the result with ``routeResolved(_:)``.
        case resolveRoute(ClientHello)
        /// Insert TLS in front, with the route's certificate, and pass these bytes to it.
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
        /// Close: everything was sent, and the client has closed or its time is over.
        case closeLingering
    }

    /// The result of looking up a server name.
    package enum Decision: Hashable, Sendable {
        case route(Route)
        case refuse(Refusal)
    }
}
