import GatewayCore
import GatewayHardening
import NIOCore
import PostgresWire
import RouteMap

/// A script of events for a whole gateway: eight bytes of limits, then events of one to three bytes.
enum AdmissionScript {
    static func run(_ script: inout ByteBuffer) throws(Violation) {
        var gateway = GatewayModel(limits: limits(&script))
        while let event = script.readInteger(as: UInt8.self) {
            try step(event, &script, &gateway)
            try gateway.check()
        }
        try gateway.end()
    }

    private static func limits(_ script: inout ByteBuffer) -> AdmissionLimits {
        AdmissionLimits(
            maxStartups: Int(script.readByte() % 12) + 1,
            maxStartupsPerAddress: Int(script.readByte() % 8) + 1,
            maxHandshakes: Int(script.readByte() % 4) + 1,
            maxConnections: Int(script.readByte() % 12) + 1,
            maxConnectionsPerRoute: Int(script.readByte() % 6),
            maxConnectionsPerAddress: Int(script.readByte() % 6),
            maxUnauthenticatedPerRoute: Int(script.readByte() % 4),
            maxUnauthenticatedPerAddress: Int(script.readByte() % 4),
            maxAuthenticationFailures: Int(script.readByte() % 4)
        )
    }

    private static func step(_ event: UInt8, _ script: inout ByteBuffer, _ gateway: inout GatewayModel)
        throws(Violation)
    {
        switch event % 32 {
        case 0: return try gateway.accept(from: address(script.readByte()))
        case 1: return try gateway.deliverNext()
        case 2: return gateway.pass(.milliseconds(100 * Int64(script.readByte())))
        case 3: return try gateway.tick()
        case 4: return try gateway.makeRoom()
        default: break
        }
        guard let id = gateway.connection(script.readByte()) else { return }
        switch event % 32 {
        case 5: try receive(id, &script, &gateway)
        case 6: try gateway.flightReceived(id)
        case 7: try gateway.flightAnswered(id)
        case 8: try gateway.client(id) { $0.handshakeCompleted(applicationProtocol: nil) }
        case 9:
            try gateway.client(id) { $0.handshakeCompleted(applicationProtocol: ConnectionMachine.applicationProtocol) }
        case 10: try gateway.dialed(id)
        case 11: try gateway.client(id) { $0.dialFailed() }
        case 12: try answer(id, &script, &gateway)
        case 13: try gateway.deliverNext(to: id)
        case 14: try gateway.waitExpired(id)
        case 15: try gateway.client(id) { $0.inputClosed() }
        case 16: try gateway.client(id) { $0.failed() }
        case 17: try gateway.client(id) { $0.deadlineReached() }
        case 18: try gateway.client(id) { $0.outputFinished() }
        case 19: try gateway.client(id) { $0.lingerExpired() }
        case 20: try gateway.client(id) { $0.cancelServed() }
        case 21: try gateway.client(id) { $0.draining() }
        case 22: try gateway.client(id) { $0.gatewayClosed() }
        case 23:
            try gateway.client(id) { $0.routeGone() }
            try gateway.relay(id) { $0.routeGone() }
        case 24: try gateway.relay(id) { $0.routeReturned() }
        case 25: try gateway.relay(id) { $0.routeGraceExpired() }
        case 26: try gateway.authenticationTimedOut(id)
        case 27: try gateway.relay(id) { $0.finish() }
        default: try leg(event, id, script.readByte(), &gateway)
        }
    }

    private static func leg(
        _ event: UInt8,
        _ id: ConnectionID,
        _ argument: UInt8,
        _ gateway: inout GatewayModel
    ) throws(Violation) {
        let side: Side = argument & 1 == 0 ? .client : .backend
        switch event % 32 {
        case 28: try gateway.closed(id, side)
        case 29: try gateway.relay(id) { $0.inputClosed(side, isTerminated: argument & 2 != 0) }
        case 30: try gateway.relay(id) { $0.outputFinished(side) }
        default: try gateway.relay(id) { $0.lingerExpired(side) }
        }
    }

    /// IPv4 addresses, IPv6 networks of which each has several, and none.
    private static func address(_ number: UInt8) -> AddressKey {
        let text = number & 1 == 0 ? "192.0.2.\(number % 8)" : "2001:db8:0:\(number % 4)::\(number)"
        return AddressKey(try? SocketAddress(ipAddress: text, port: 1))
    }

    // MARK: Bytes

    private static func receive(
        _ id: ConnectionID,
        _ script: inout ByteBuffer,
        _ gateway: inout GatewayModel
    ) throws(Violation) {
        let bytes: ByteBuffer
        switch script.readByte() % 16 {
        case 0: bytes = FuzzBytes.sslRequest
        case 1: bytes = FuzzBytes.gssEncRequest
        case 2...7: bytes = FuzzBytes.hello(FuzzRoutes.all[Int(script.readByte()) % FuzzRoutes.all.count].hostname.name)
        case 8: bytes = FuzzBytes.hello(nil)
        case 9...12: bytes = FuzzBytes.startupMessage
        case 13: bytes = FuzzBytes.cancelRequest
        default: bytes = script.readStretch()
        }
        try gateway.client(id) { $0.received(bytes) }
    }

    private static func answer(
        _ id: ConnectionID,
        _ script: inout ByteBuffer,
        _ gateway: inout GatewayModel
    ) throws(Violation) {
        let bytes: ByteBuffer
        switch script.readByte() % 8 {
        case 0: bytes = FuzzBytes.passwordRequest
        case 1, 2: bytes = FuzzBytes.authenticationOk
        case 3: bytes = FuzzBytes.backendKey(script.readByte())
        case 4: bytes = FuzzBytes.readyForQuery
        case 5: bytes = FuzzBytes.loginFailure
        default: bytes = script.readStretch()
        }
        try gateway.answered(id, bytes)
    }
}
