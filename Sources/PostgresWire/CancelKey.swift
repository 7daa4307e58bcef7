package import NIOCore

/// What names a session to the server that runs it: the process id and the secret of BackendKeyData.
///
/// Process ids alone collide between servers, so both parts are always compared.
package struct CancelKey: Hashable, Sendable {
    package let processID: UInt32
    /// 4 to 256 bytes, see ``WireLimits/cancelSecretLength``.
    package let secret: ByteBuffer

    /// Nil when the secret is shorter or longer than the protocol allows.
    package init?(processID: UInt32, secret: ByteBuffer) {
        guard WireLimits.cancelSecretLength.contains(secret.readableBytes) else { return nil }
        self.processID = processID
        self.secret = secret
    }
}

/// A CancelRequest, kept as the bytes that were received.
///
/// PostgreSQL: `ProcessCancelRequestPacket`.
package struct CancelRequest: Hashable, Sendable {
    /// Bytes in front of the secret: length, code, process id.
    static let fixedLength = 12

    /// The whole packet, its length field included.
    package let packet: ByteBuffer
    package let key: CancelKey

    init?(packet: ByteBuffer) {
        var rest = packet
        rest.moveReaderIndex(forwardBy: 8)
        guard let processID = rest.readInteger(as: UInt32.self),
            // A copy of its own: a key outlives the receive buffer that its bytes stand in.
            let key = CancelKey(processID: processID, secret: ByteBuffer(bytes: rest.readableBytesView))
        else { return nil }
        self.packet = packet
        self.key = key
    }

    /// Appends a CancelRequest for this key.
    package static func encode(key: CancelKey, into buffer: inout ByteBuffer) {
        let length = UInt32(fixedLength + key.secret.readableBytes)
        buffer.writeMultipleIntegers(length, ProtocolVersion.cancelRequest.code, key.processID)
        buffer.writeImmutableBuffer(key.secret)
    }
}
