import NIOCore

/// A program's output in the engine's stream of frames: a byte for the stream, three zero bytes, four bytes for the
/// length (Engine API, "Stream format").
struct DockerFrames {
    private var rest = ByteBuffer()
    private var isBroken = false

    mutating func append(_ bytes: ByteBuffer) {
        guard !isBroken else { return }
        rest.discardReadBytes()
        rest.writeImmutableBuffer(bytes)
    }

    /// The next complete frame; nil if more data is needed, and permanently after an invalid frame.
    mutating func next() -> ByteBuffer? {
        guard !isBroken,
            let (kind, _, _, _, length) = rest.peekMultipleIntegers(as: (UInt8, UInt8, UInt8, UInt8, UInt32).self)
        else { return nil }
        guard kind <= 2, length <= DockerEngine.maximumBody else {
            isBroken = true
            rest.clear()
            return nil
        }
        guard rest.readableBytes >= Self.headerLength + Int(length) else { return nil }
        rest.moveReaderIndex(forwardBy: Self.headerLength)
        return rest.readSlice(length: Int(length))
    }

    private static let headerLength = 8
}
