package import NIOCore

/// Why a TLS handshake failed. The raw value is the label in metrics.
package enum HandshakeFailure: String, CaseIterable, Hashable, Sendable {
    /// The client offers no version of TLS that the gateway accepts, or closed.
    case protocolVersion = "protocol_version"
    /// The two have no cipher suite, group or signature algorithm in common.
    case noSharedCipher = "no_shared_cipher"
    /// Not a ClientHello, or an invalid one.
    case badClientHello = "bad_client_hello"
    /// The client offers ALPN protocols without `postgresql`, or none though it began with TLS at once.
    case noALPN = "no_alpn"
    /// The client sent an alert: it does not accept the certificate, for example.
    case clientAlert = "client_alert"
    /// The client closed the connection, or it was reset.
    case closed
    /// Not done within HANDSHAKE_TIMEOUT.
    case timeout
    /// Another violation of the protocol, after the ClientHello.
    case other

    /// - Parameter alert: the AlertDescription that the gateway sent (RFC 8446 section 6).
    package init(alertSent alert: UInt8) {
        self =
            switch alert {
            case 70, 86: .protocolVersion  // protocol_version, inappropriate_fallback
            case 40, 71: .noSharedCipher  // handshake_failure, insufficient_security
            case 10, 22, 47, 50, 109, 110: .badClientHello
            // unexpected_message, record_overflow, illegal_parameter, decode_error, missing and unsupported_extension
            case 120: .noALPN  // no_application_protocol
            default: .other
            }
    }
}

/// Watches the records of a handshake, to learn which side ended it, and why.
///
/// TLS sends an alert for an error that it finds, and none in answer to an alert. Pure; reads only the headers of
/// records, and alerts that are not encrypted.
package struct HandshakeAlerts: Sendable {
    private enum Sent: Sendable {
        case nothing
        /// The answer to the ClientHello.
        case flight
        case alert(HandshakeFailure)
    }

    private struct Record {
        var type: UInt8
        var body: ByteBuffer
    }

    private static let alertType: UInt8 = 21
    private static let encryptedType: UInt8 = 23
    /// Of an alert's record in TLS 1.3: two bytes, the type, and the tag of any AEAD. No other message is as short.
    private static let encryptedAlertLength = 2 + 1 + 16

    private var sent = Sent.nothing
    private var hasReceivedAlert = false
    /// The beginning of a record that the client has yet to send in full.
    private var unread = ByteBuffer()

    package init() {}

    /// Bytes that TLS sends to the client: whole records.
    package mutating func sending(_ bytes: ByteBuffer) {
        var bytes = bytes
        while let record = Self.takeRecord(from: &bytes) {
            switch (record.type, record.body.readableBytes, sent) {
            case (Self.alertType, 2, .nothing):
                let description = record.body.getInteger(at: record.body.readerIndex + 1, as: UInt8.self)
                sent = .alert(description.map(HandshakeFailure.init(alertSent:)) ?? .other)
            case (Self.alertType, _, _), (Self.encryptedType, Self.encryptedAlertLength, _):
                sent = .alert(.other)
            default:
                sent = .flight
            }
        }
    }

    /// Bytes from the client, in any pieces.
    ///
    /// OpenSSL does not encrypt an alert in the handshake of TLS 1.3, which BoringSSL answers with an alert of its own.
    package mutating func received(_ bytes: ByteBuffer) {
        unread.writeImmutableBuffer(bytes)
        while let record = Self.takeRecord(from: &unread) {
            if record.type == Self.alertType { hasReceivedAlert = true }
        }
    }

    private static func takeRecord(from bytes: inout ByteBuffer) -> Record? {
        let start = bytes.readerIndex
        guard let type = bytes.readInteger(as: UInt8.self), bytes.readInteger(as: UInt16.self) != nil,
            let length = bytes.readInteger(as: UInt16.self), let body = bytes.readSlice(length: Int(length))
        else {
            bytes.moveReaderIndex(to: start)
            return nil
        }
        return Record(type: type, body: body)
    }

    /// Why the handshake failed, after TLS has sent everything about it.
    package var failure: HandshakeFailure {
        if hasReceivedAlert { return .clientAlert }
        switch sent {
        case .nothing: return .badClientHello
        case .flight: return .clientAlert
        case .alert(let failure): return failure
        }
    }
}
