import NIOCore
import PostgresWire

/// What well-behaved peers send, so that scripts are short that get far.
enum FuzzBytes {
    static let sslRequest = make { StartupPacket.encodeSSLRequest(into: &$0) }
    static let gssEncRequest = make { StartupPacket.encodeGSSEncRequest(into: &$0) }
    /// Version 3.0, user `a`.
    static let startupMessage = ByteBuffer(bytes: [0, 0, 0, 16, 0, 3, 0, 0] + Array("user\0a\0\0".utf8))
    static let cancelRequest = ByteBuffer(bytes: [0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 1])

    static let passwordRequest = ByteBuffer(bytes: [0x52, 0, 0, 0, 8, 0, 0, 0, 3])
    static let authenticationOk = ByteBuffer(bytes: [0x52, 0, 0, 0, 8, 0, 0, 0, 0])
    static let readyForQuery = ByteBuffer(bytes: [0x5a, 0, 0, 0, 5, 0x49])
    static let loginFailure = make {
        ErrorResponse(sqlState: .invalidPassword, message: "no", hint: "").encode(into: &$0)
    }

    /// BackendKeyData with a secret of four bytes.
    static func backendKey(_ number: UInt8) -> ByteBuffer {
        ByteBuffer(bytes: [0x4b, 0, 0, 0, 12, 0, 0, 0, number, 0, 0, 0, number])
    }

    /// A ClientHello of TLS 1.2 in one record, with a server name or nothing.
    static func hello(_ serverName: String?) -> ByteBuffer {
        var extensions = ByteBuffer()
        if let serverName {
            let length = UInt16(serverName.utf8.count)
            extensions.writeMultipleIntegers(UInt16(0), length + 5, length + 3, UInt8(0), length)
            extensions.writeString(serverName)
        }
        var body = ByteBuffer(bytes: [3, 3] + Array(repeating: 7, count: 32) + [0, 0, 2, 0xc0, 0x2b, 1, 0])
        body.writeInteger(UInt16(extensions.readableBytes))
        body.writeImmutableBuffer(extensions)
        var record = ByteBuffer(bytes: [22, 3, 1])
        record.writeMultipleIntegers(UInt16(body.readableBytes + 4), UInt32(1) << 24 | UInt32(body.readableBytes))
        record.writeImmutableBuffer(body)
        return record
    }

    private static func make(_ write: (inout ByteBuffer) -> Void) -> ByteBuffer {
        var buffer = ByteBuffer()
        write(&buffer)
        return buffer
    }
}
