package import NIOCore
package import PostgresWire

/// Packets of the start-up phase, as tests send them.
extension ByteBuffer {
    package static var sslRequest: ByteBuffer {
        var buffer = ByteBuffer()
        StartupPacket.encodeSSLRequest(into: &buffer)
        return buffer
    }

    package static var gssEncRequest: ByteBuffer {
        var buffer = ByteBuffer()
        StartupPacket.encodeGSSEncRequest(into: &buffer)
        return buffer
    }

    package static func startup(
        version: ProtocolVersion = .v3_0,
        _ parameters: [(String, String)] = [("user", "frost"), ("database", "shop")]
    ) -> ByteBuffer {
        var buffer = ByteBuffer()
        StartupMessage.encode(version: version, parameters: parameters, into: &buffer)
        return buffer
    }

    package static func cancelRequest(processID: UInt32 = 1, secret: [UInt8] = [1, 2, 3, 4]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(UInt32(12 + secret.count), ProtocolVersion.cancelRequest.code, processID)
        buffer.writeBytes(secret)
        return buffer
    }

    package var bytes: [UInt8] { Array(readableBytesView) }
}
