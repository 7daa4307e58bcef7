package import NIOCore

/// A packet that a client may send before it authenticates: a length and a code, but no type.
///
/// PostgreSQL: `ProcessStartupPacket` in `backend_startup.c`.
package enum StartupPacket: Hashable, Sendable {
    case sslRequest
    case gssEncRequest
    case cancelRequest(CancelRequest)
    case startupMessage(StartupMessage)
}

/// Why bytes are not a start-up packet.
package enum StartupPacketError: Error, Hashable, Sendable {
    /// The length field is outside of ``WireLimits``; the value is what the peer claimed.
    case invalidLength(UInt32)
    /// A request with a fixed layout has another length.
    case invalidRequestLength(code: ProtocolVersion, length: UInt32)
    /// A StartupMessage whose parameters are not pairs of terminated strings behind which one
    /// terminator is the last byte.
    case invalidParameters
    /// A version with an unknown layout; only its number can be reported.
    case unsupportedVersion(ProtocolVersion)
}

extension StartupPacket {
    /// Reads one packet off the front of `buffer`.
    ///
    /// The answer does not depend on how the bytes were split: nothing is consumed before the
    /// packet is complete, a wrong length is refused as soon as its four bytes are there, and
    /// nothing is allocated for a length that was not checked.
    ///
    /// - Parameter buffer: bytes received but not yet consumed.
    /// - Returns: the packet, or nil when more bytes are needed.
    /// - Throws: ``StartupPacketError``; the buffer is then as it was.
    package static func decode(from buffer: inout ByteBuffer) throws(StartupPacketError) -> StartupPacket? {
        let start = buffer.readerIndex
        guard let length = buffer.getInteger(at: start, as: UInt32.self) else { return nil }
        guard length >= WireLimits.minimumStartupPacketLength, length <= WireLimits.maximumStartupPacketLength else {
            throw .invalidLength(length)
        }
        guard let code = buffer.getInteger(at: start + 4, as: UInt32.self) else { return nil }
        let version = ProtocolVersion(code: code)
        try checkLength(length, of: version)
        guard let packet = buffer.getSlice(at: start, length: Int(length)) else { return nil }
        let decoded = try decodeWhole(packet, version: version)
        buffer.moveReaderIndex(forwardBy: Int(length))
        return decoded
    }

    private static func checkLength(_ length: UInt32, of version: ProtocolVersion) throws(StartupPacketError) {
        let isFit: Bool
        switch version {
        case .sslRequest, .gssEncRequest:
            isFit = length == WireLimits.minimumStartupPacketLength
        case .cancelRequest:
            isFit = WireLimits.cancelSecretLength.contains(Int(length) - CancelRequest.fixedLength)
        default:
            isFit = true
        }
        guard isFit else { throw .invalidRequestLength(code: version, length: length) }
    }

    private static func decodeWhole(
        _ packet: ByteBuffer,
        version: ProtocolVersion
    ) throws(StartupPacketError) -> StartupPacket {
        switch version {
        case .sslRequest:
            return .sslRequest
        case .gssEncRequest:
            return .gssEncRequest
        case .cancelRequest:
            guard let request = CancelRequest(packet: packet) else {
                throw .invalidRequestLength(code: version, length: UInt32(packet.readableBytes))
            }
            return .cancelRequest(request)
        default:
            guard version.isSupported else { throw .unsupportedVersion(version) }
            guard let message = StartupMessage(packet: packet) else { throw .invalidParameters }
            return .startupMessage(message)
        }
    }

    /// Appends the eight bytes of an SSLRequest.
    package static func encodeSSLRequest(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(WireLimits.minimumStartupPacketLength, ProtocolVersion.sslRequest.code)
    }

    /// Appends the eight bytes of a GSSENCRequest.
    package static func encodeGSSEncRequest(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(WireLimits.minimumStartupPacketLength, ProtocolVersion.gssEncRequest.code)
    }
}
