import NIOCore

extension ByteBuffer {
    /// The readable bytes, cut into pieces of at most `length` bytes.
    ///
    /// - Parameter length: at least 1.
    func pieces(of length: Int) -> [ByteBuffer] {
        var rest = self
        var pieces: [ByteBuffer] = []
        while rest.readableBytes > 0, let piece = rest.readSlice(length: Swift.min(length, rest.readableBytes)) {
            pieces.append(piece)
        }
        return pieces
    }

    /// The next byte of a script; 0 at its end.
    mutating func readByte() -> UInt8 { readInteger() ?? 0 }

    /// A stretch of a script, as long as its next byte says and the script is.
    mutating func readStretch() -> ByteBuffer {
        let length = Swift.min(Int(readByte()), readableBytes)
        return readSlice(length: length) ?? ByteBuffer()
    }
}
