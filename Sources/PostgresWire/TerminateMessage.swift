package import NIOCore

/// Terminate: a client says that it closes (protocol documentation, "Termination").
package enum TerminateMessage {
    /// Its type byte and its length, which is that of the length field alone.
    private static let type = UInt8(ascii: "X")
    private static let length = 4

    /// Whether bytes of a client end with a Terminate message, or with what looks like one.
    package static func ends(_ bytes: ByteBuffer) -> Bool {
        let start = bytes.writerIndex - 1 - length
        guard start >= bytes.readerIndex, bytes.getInteger(at: start, as: UInt8.self) == type else { return false }
        return bytes.getInteger(at: start + 1, as: UInt32.self) == UInt32(length)
    }
}
