package import NIOCore
package import PostgresWire

/// Reads along with a server's messages until its first ReadyForQuery.
///
/// It only observes: the messages are relayed regardless of the result. It keeps at most the start of one
/// message, so a server cannot make it grow.
package struct BackendStartupScanner: Sendable {
    package enum Finding: Hashable, Sendable {
        /// BackendKeyData.
        case key(CancelKey)
        case authenticationOk
        /// An ErrorResponse with this code.
        case error(SQLState)
        case readyForQuery
    }

    private enum State: Sendable {
        case header
        case skipping(Int)
        /// Collects the first `wanted` bytes of a body; `rest` bytes follow and are skipped.
        case body(BackendMessageType, wanted: Int, rest: Int)
        case finished
    }

    /// Of an ErrorResponse's body. The code comes third, behind two short texts.
    private static let keptOfError = 512
    /// Of an authentication message's body: the kind of request (protocol documentation, "Message Formats").
    private static let keptOfAuthentication = 4

    private var state = State.header
    /// The part kept of the current message.
    private var partial = ByteBuffer()

    package init() {}

    /// Whether there is nothing more to learn.
    package var isFinished: Bool {
        if case .finished = state { true } else { false }
    }

    /// Whether all that was seen ends with the end of a message.
    package var isBetweenMessages: Bool {
        if case .header = state { partial.readableBytes == 0 } else { false }
    }

    /// Looks at the next bytes of the server.
    package mutating func observe(_ bytes: ByteBuffer) -> [Finding] {
        var bytes = bytes
        var findings: [Finding] = []
        while bytes.readableBytes > 0, !isFinished {
            switch state {
            case .header:
                readHeader(&bytes, &findings)
            case .skipping(let count):
                let skipped = min(count, bytes.readableBytes)
                bytes.moveReaderIndex(forwardBy: skipped)
                state = skipped == count ? .header : .skipping(count - skipped)
            case .body(let type, let wanted, let rest):
                let taken = min(wanted - partial.readableBytes, bytes.readableBytes)
                if let part = bytes.readSlice(length: taken) { partial.writeImmutableBuffer(part) }
                guard partial.readableBytes == wanted else { break }
                if let finding = Self.finding(type, partial) { findings.append(finding) }
                partial.clear()
                state = rest == 0 ? .header : .skipping(rest)
            case .finished:
                break
            }
        }
        return findings
    }

    private mutating func readHeader(_ bytes: inout ByteBuffer, _ findings: inout [Finding]) {
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
        let length = header.bodyLength
        let wanted: Int =
            switch header.type {
            case .backendKeyData: BackendKeyData.bodyLength.contains(length) ? length : 0
            case .authentication: min(Self.keptOfAuthentication, length)
            case .errorResponse: min(Self.keptOfError, length)
            default: 0
            }
        if header.type == .readyForQuery {
            findings.append(.readyForQuery)
            state = .finished
        } else if wanted > 0 {
            state = .body(header.type, wanted: wanted, rest: length - wanted)
        } else {
            state = length == 0 ? .header : .skipping(length)
        }
    }

    private static func finding(_ type: BackendMessageType, _ body: ByteBuffer) -> Finding? {
        switch type {
        case .backendKeyData:
            return BackendKeyData.decode(body: body).map(Finding.key)
        case .authentication:
            return body.getInteger(at: body.readerIndex, as: UInt32.self) == 0 ? .authenticationOk : nil
        case .errorResponse:
            return ErrorResponse.field(.sqlState, ofBodyPrefix: body).map { .error(SQLState(rawValue: $0)) }
        default:
            return nil
        }
    }
}
