package import NIOCore
package import PostgresWire

/// Reads along with a server's messages until its first ReadyForQuery, to learn BackendKeyData.
///
/// It only looks: what it is shown is relayed whatever it makes of it. It keeps at most one message
/// header and the body of a BackendKeyData, so a server cannot make it grow.
package struct BackendStartupScanner: Sendable {
    private enum State: Sendable {
        case header
        case skipping(Int)
        case keyData(Int)
        case finished
    }

    private var state = State.header
    /// A header or a BackendKeyData that is not whole yet.
    private var partial = ByteBuffer()

    package init() {}

    /// Whether there is nothing more to learn.
    package var isFinished: Bool {
        if case .finished = state { true } else { false }
    }

    /// Looks at the next bytes of the server.
    ///
    /// - Returns: the key when these bytes complete it, nil otherwise.
    package mutating func observe(_ bytes: ByteBuffer) -> CancelKey? {
        var bytes = bytes
        var key: CancelKey?
        while bytes.readableBytes > 0, !isFinished {
            switch state {
            case .header:
                readHeader(&bytes)
            case .skipping(let count):
                let skipped = min(count, bytes.readableBytes)
                bytes.moveReaderIndex(forwardBy: skipped)
                state = skipped == count ? .header : .skipping(count - skipped)
            case .keyData(let count):
                let taken = min(count, bytes.readableBytes)
                if let part = bytes.readSlice(length: taken) { partial.writeImmutableBuffer(part) }
                guard taken == count else {
                    state = .keyData(count - taken)
                    break
                }
                key = BackendKeyData.decode(body: partial)
                partial.clear()
                state = .header
            case .finished:
                break
            }
        }
        return key
    }

    private mutating func readHeader(_ bytes: inout ByteBuffer) {
        let missing = WireLimits.messageHeaderLength - partial.readableBytes
        if let part = bytes.readSlice(length: min(missing, bytes.readableBytes)) { partial.writeImmutableBuffer(part) }
        let header: BackendMessageHeader?
        do {
            header = try BackendMessageHeader.decode(from: &partial)
        } catch {
            state = .finished
            return
        }
        guard let header else { return }
        partial.clear()
        switch header.type {
        case .readyForQuery:
            state = .finished
        case .backendKeyData where BackendKeyData.bodyLength.contains(header.bodyLength):
            state = .keyData(header.bodyLength)
        default:
            state = header.bodyLength == 0 ? .header : .skipping(header.bodyLength)
        }
    }
}
