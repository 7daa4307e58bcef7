import GatewayCore
import NIOCore
import PostgresWire
import RouteMap
import TLSWire

/// A ClientHello has one reading, however it is cut into records and pieces, and TLS gets every byte of it.
enum HelloProperties {
    /// The first byte says what the rest is: records (even), or the body of a ClientHello (odd), which is put into records of
    /// the second byte's length (0: one record) here, so that a change of the body leaves the lengths around it right.
    static func check(_ input: inout ByteBuffer) throws(Violation) {
        guard let first = input.readInteger(as: UInt8.self) else { return }
        let length = Int(first >> 1 % 32) + 1
        guard first & 1 == 1 else { return try checkRecords(input, length: length) }
        let recordLength = Int(input.readByte())
        let message = message(input)
        let whole = read([records(of: message, length: 16_384)])
        for cut in [1, recordLength] where cut > 0 && message.readableBytes / cut < mostPieces {
            let records = records(of: message, length: cut)
            try require(isSame(read([records]), whole), "records of \(cut) bytes change the ClientHello")
            if cut == recordLength { try checkRecords(records, length: length) }
        }
        try checkRecords(records(of: message, length: 16_384), length: length)
    }

    /// Bounds the time that one input takes.
    private static let mostPieces = 400

    private static func checkRecords(_ bytes: ByteBuffer, length: Int) throws(Violation) {
        let length = max(length, bytes.readableBytes / mostPieces)
        let whole = read([bytes])
        try require(isSame(read(bytes.pieces(of: length)), whole), "the split changes the ClientHello")
        let expected = HelloOracle.read(Array(bytes.readableBytesView))
        try require(isSame(whole, expected), "read as \(whole), not as \(expected)")
        if case .complete(let hello) = whole, let name = hello.serverName { try checkName(name) }
        let isHandshake = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == 22
        for isDirect in isHandshake ? [true, false] : [false] {
            try checkMachine(bytes.pieces(of: length), whole, isDirect: isDirect)
        }
    }

    // MARK: Bytes

    private static func message(_ body: ByteBuffer) -> ByteBuffer {
        var message = ByteBuffer(integer: UInt32(1) << 24 | UInt32(body.readableBytes))
        message.writeImmutableBuffer(body)
        return message
    }

    private static func records(of message: ByteBuffer, length: Int) -> ByteBuffer {
        var records = ByteBuffer()
        for part in message.pieces(of: length) {
            records.writeMultipleIntegers(UInt8(22), UInt16(0x0301), UInt16(part.readableBytes))
            records.writeImmutableBuffer(part)
        }
        return records
    }

    private static func read(_ pieces: [ByteBuffer]) -> ClientHelloReader.Outcome {
        var reader = ClientHelloReader()
        var outcome = ClientHelloReader.Outcome.incomplete
        for piece in pieces where outcome == .incomplete { outcome = reader.receive(piece) }
        return outcome
    }

    /// Byte by byte: texts compare as equal that have other bytes.
    private static func isSame(_ one: ClientHelloReader.Outcome, _ other: ClientHelloReader.Outcome) -> Bool {
        guard case .complete(let first) = one, case .complete(let second) = other else { return one == other }
        return first.serverName.map { Array($0.utf8) } == second.serverName.map { Array($0.utf8) }
            && first.applicationProtocols.map { Array($0.utf8) } == second.applicationProtocols.map { Array($0.utf8) }
    }

    // MARK: What the reading is for

    /// A name leads to a route exactly when it is the route's, in any case and with one trailing dot or none.
    private static func checkName(_ name: String) throws(Violation) {
        var bytes = name.utf8.map { (65...90).contains($0) ? $0 + 32 : $0 }
        if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        let found = FuzzRoutes.table.entry(for: name)
        let expected = FuzzRoutes.all.first { Array($0.hostname.name.utf8) == bytes }
        try require(found == expected.map { .active($0) }, "'\(name)' leads to \(String(describing: found))")
        let refusal = Refusal.unknownHostname(name)
        try require(refusal.message.allSatisfy { $0.isASCII && !$0.isNewline }, "a refusal repeats the name unescaped")
        var buffer = ByteBuffer()
        refusal.errorResponse.encode(into: &buffer)
        // The header of a message: a type and a length.
        buffer.moveReaderIndex(forwardBy: 5)
        let fields = ErrorResponse.decodeFields(body: buffer)
        try require(fields?[.message] == refusal.message, "a refusal is read otherwise than it was written")
    }

    /// The machine asks for the route of the same hello, once, and gives TLS all that came.
    private static func checkMachine(
        _ pieces: [ByteBuffer],
        _ outcome: ClientHelloReader.Outcome,
        isDirect: Bool
    ) throws(Violation) {
        var machine = ConnectionMachine()
        if !isDirect {
            var request = ByteBuffer()
            StartupPacket.encodeSSLRequest(into: &request)
            try require(machine.received(request) == .answer(UInt8(ascii: "S")), "an SSLRequest is not answered")
        }
        let hello: ClientHello? =
            switch outcome {
            case .complete(let hello): hello
            case .unreadable: .silent
            case .incomplete: nil
            }
        var given = ByteBuffer()
        for piece in pieces {
            given.writeImmutableBuffer(piece)
            switch machine.received(piece) {
            case .wait:
                try require(machine.startup == .client(.preface), "a hello that is not whole is past the preface")
            case .resolveRoute(let asked):
                try require(asked == hello, "the machine asks for \(asked)")
                let action = machine.routeResolved(.refuse(.noServerName))
                let expected = ConnectionMachine.Action.startTLS(serverName: asked.serverName, received: given)
                try require(action == expected, "TLS does not get what came")
                return
            case let action:
                throw Violation("a hello leads to \(action)")
            }
        }
        try require(hello == nil, "the machine waits for more of a hello that is whole")
    }
}
