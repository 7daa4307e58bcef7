package import NIOCore

/// The type byte of a message that a server sends, as far as the start-up phase has a use for it.
package struct BackendMessageType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let authentication = Self(rawValue: UInt8(ascii: "R"))
    package static let backendKeyData = Self(rawValue: UInt8(ascii: "K"))
    package static let errorResponse = Self(rawValue: UInt8(ascii: "E"))
    package static let readyForQuery = Self(rawValue: UInt8(ascii: "Z"))
    package static let parameterStatus = Self(rawValue: UInt8(ascii: "S"))
    package static let negotiateProtocolVersion = Self(rawValue: UInt8(ascii: "v"))
}

/// The five bytes in front of every message from a server.
package struct BackendMessageHeader: Hashable, Sendable {
    package let type: BackendMessageType
    /// Bytes that follow the header: the length field less itself.
    package let bodyLength: Int

    /// Reads a header off the front of `buffer`.
    ///
    /// - Returns: the header, or nil when more bytes are needed; nothing is consumed then.
    /// - Throws: ``BackendMessageError/invalidLength(_:)`` for a length outside of ``WireLimits``.
    package static func decode(
        from buffer: inout ByteBuffer
    ) throws(BackendMessageError) -> BackendMessageHeader? {
        guard buffer.readableBytes >= WireLimits.messageHeaderLength,
            let (type, length) = buffer.peekMultipleIntegers(as: (UInt8, UInt32).self)
        else { return nil }
        guard length >= WireLimits.minimumMessageLength, length <= WireLimits.maximumMessageLength else {
            throw .invalidLength(length)
        }
        buffer.moveReaderIndex(forwardBy: WireLimits.messageHeaderLength)
        return BackendMessageHeader(
            type: BackendMessageType(rawValue: type),
            bodyLength: Int(length - WireLimits.minimumMessageLength)
        )
    }
}

/// Why bytes are not a message of a server.
package enum BackendMessageError: Error, Hashable, Sendable {
    /// The value of the length field that is outside of ``WireLimits``.
    case invalidLength(UInt32)
}

/// BackendKeyData: the key by which the session can be cancelled.
package enum BackendKeyData {
    /// Bytes that a body may have: the process id and the secret.
    package static let bodyLength: ClosedRange<Int> =
        4 + WireLimits.cancelSecretLength.lowerBound...4 + WireLimits.cancelSecretLength.upperBound

    /// Reads the body of a BackendKeyData message.
    ///
    /// - Returns: the key, or nil when the body is no BackendKeyData.
    package static func decode(body: ByteBuffer) -> CancelKey? {
        var body = body
        guard let processID = body.readInteger(as: UInt32.self) else { return nil }
        return CancelKey(processID: processID, secret: ByteBuffer(bytes: body.readableBytesView))
    }

    /// Appends a BackendKeyData message.
    package static func encode(key: CancelKey, into buffer: inout ByteBuffer) {
        buffer.writeInteger(BackendMessageType.backendKeyData.rawValue)
        buffer.writeInteger(UInt32(8 + key.secret.readableBytes))
        buffer.writeInteger(key.processID)
        buffer.writeImmutableBuffer(key.secret)
    }
}
