package import NIOCore

/// A StartupMessage, kept as the bytes that were received.
///
/// It is forwarded untouched: minor versions and `_pq_.*` options are for the server to judge, and
/// parameter values may be in any encoding.
package struct StartupMessage: Hashable, Sendable {
    /// The whole packet, its length field included.
    package let packet: ByteBuffer
    package let version: ProtocolVersion

    /// Takes a complete packet, or nil when its parameters are not laid out as PostgreSQL demands
    /// (`ProcessStartupPacket`: pairs of strings, then one terminator as the last byte).
    init?(packet: ByteBuffer) {
        guard let code = packet.getInteger(at: packet.readerIndex + 4, as: UInt32.self),
            Self.isWellFormed(packet)
        else { return nil }
        self.packet = packet
        self.version = ProtocolVersion(code: code)
    }

    /// The parameters in the order they were sent; bytes that are no UTF-8 are shown as U+FFFD.
    package var parameters: [(name: String, value: String)] {
        var rest = packet
        rest.moveReaderIndex(forwardBy: 8)
        var found: [(name: String, value: String)] = []
        while let name = rest.readNullTerminatedBytes(), name.readableBytes > 0,
            let value = rest.readNullTerminatedBytes()
        {
            found.append((String(buffer: name), String(buffer: value)))
        }
        return found
    }

    /// The value of the first parameter of this name.
    package func parameter(_ name: String) -> String? {
        parameters.first { $0.name == name }?.value
    }

    private static func isWellFormed(_ packet: ByteBuffer) -> Bool {
        var rest = packet
        rest.moveReaderIndex(forwardBy: 8)
        while let name = rest.readNullTerminatedBytes() {
            guard name.readableBytes > 0 else { return rest.readableBytes == 0 }
            guard rest.readNullTerminatedBytes() != nil else { return false }
        }
        return false
    }

    /// Appends a StartupMessage with these parameters, for tests and for clients of our own.
    ///
    /// - Precondition: no name or value contains a zero byte, and no name is empty.
    package static func encode(
        version: ProtocolVersion = .v3_0,
        parameters: [(String, String)],
        into buffer: inout ByteBuffer
    ) {
        let start = buffer.writerIndex
        buffer.writeInteger(UInt32(0))
        buffer.writeInteger(version.code)
        for (name, value) in parameters {
            buffer.writeNullTerminatedString(name)
            buffer.writeNullTerminatedString(value)
        }
        buffer.writeInteger(UInt8(0))
        buffer.setInteger(UInt32(buffer.writerIndex - start), at: start)
    }
}

extension ByteBuffer {
    /// Reads up to the next zero byte and past it; nil, and nothing read, when there is none.
    mutating func readNullTerminatedBytes() -> ByteBuffer? {
        guard let end = readableBytesView.firstIndex(of: 0) else { return nil }
        let found = readSlice(length: end - readerIndex)
        moveReaderIndex(forwardBy: 1)
        return found
    }
}
