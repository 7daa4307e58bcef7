package import NIOCore

/// The fields of a ClientHello that decide the route.
///
/// NIOSSL does not expose the requested server name to servers, so it is read here, from the same
/// bytes that BoringSSL then gets. BoringSSL is stricter, so a hello that is understood differently
/// ends in a failed handshake and never in a wrong route.
package struct ClientHello: Hashable, Sendable {
    /// The `host_name` of the server_name extension as it was sent (RFC 6066 section 3); nil without one.
    package var serverName: String?
    /// The protocols of the ALPN extension in the client's order (RFC 7301 section 3.1).
    package var applicationProtocols: [String]

    package init(serverName: String?, applicationProtocols: [String]) {
        self.serverName = serverName
        self.applicationProtocols = applicationProtocols
    }

    /// A hello that says nothing.
    package static let silent = ClientHello(serverName: nil, applicationProtocols: [])
}

/// Collects the first handshake message of a client from its TLS records, however they are cut.
package struct ClientHelloReader: Sendable {
    package enum Outcome: Hashable, Sendable {
        /// More bytes are needed.
        case incomplete
        case complete(ClientHello)
        /// Not a ClientHello that can be understood here. BoringSSL has the last word and the alert.
        case unreadable
    }

    /// Largest ClientHello, in bytes; BoringSSL's own bound for servers (`handshake.cc`, 16 KiB).
    package static let maximumLength = 16_384
    /// Largest payload of a plaintext record (RFC 8446 section 5.1).
    private static let maximumRecordLength = 16_384
    private static let recordHeaderLength = 5
    private static let messageHeaderLength = 4
    private static let handshakeRecord: UInt8 = 22
    private static let clientHelloMessage: UInt8 = 1

    private var unread = ByteBuffer()
    private var recordBytesLeft = 0
    private var message = ByteBuffer()

    package init() {}

    /// Takes the next bytes of the connection.
    package mutating func receive(_ bytes: ByteBuffer) -> Outcome {
        unread.writeImmutableBuffer(bytes)
        while true {
            if let outcome = readMessage() { return outcome }
            if recordBytesLeft == 0 {
                guard unread.readableBytes >= Self.recordHeaderLength else { return .incomplete }
                guard readRecordHeader() else { return .unreadable }
            }
            guard let part = unread.readSlice(length: min(recordBytesLeft, unread.readableBytes)),
                part.readableBytes > 0
            else { return .incomplete }
            recordBytesLeft -= part.readableBytes
            message.writeImmutableBuffer(part)
        }
    }

    private mutating func readRecordHeader() -> Bool {
        guard let (type, major, _, length) = unread.readMultipleIntegers(as: (UInt8, UInt8, UInt8, UInt16).self),
            type == Self.handshakeRecord, major == 3, (1...Self.maximumRecordLength).contains(Int(length))
        else { return false }
        recordBytesLeft = Int(length)
        return true
    }

    /// The outcome, when the message is whole or cannot become one; nil when more is needed.
    private func readMessage() -> Outcome? {
        guard let header = message.getInteger(at: message.readerIndex, as: UInt32.self) else { return nil }
        let length = Int(header & 0x00ff_ffff)
        guard UInt8(truncatingIfNeeded: header >> 24) == Self.clientHelloMessage, length <= Self.maximumLength else {
            return .unreadable
        }
        guard let body = message.getSlice(at: message.readerIndex + Self.messageHeaderLength, length: length) else {
            return nil
        }
        return ClientHello(body: body).map { .complete($0) } ?? .unreadable
    }
}

extension ClientHello {
    private static let serverNameExtension: UInt16 = 0
    private static let applicationProtocolExtension: UInt16 = 16

    /// Reads the body of a ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2).
    init?(body: ByteBuffer) {
        var body = body
        let fixed = 2 + 32  // legacy_version, random
        guard body.readSlice(length: fixed) != nil,
            body.readLengthPrefixedSlice(as: UInt8.self) != nil,  // legacy_session_id
            body.readLengthPrefixedSlice(as: UInt16.self) != nil,  // cipher_suites
            body.readLengthPrefixedSlice(as: UInt8.self) != nil  // legacy_compression_methods
        else { return nil }
        self = .silent
        guard body.readableBytes > 0 else { return }
        guard var extensions = body.readLengthPrefixedSlice(as: UInt16.self), body.readableBytes == 0 else {
            return nil
        }
        while extensions.readableBytes > 0 {
            guard let type = extensions.readInteger(as: UInt16.self),
                let content = extensions.readLengthPrefixedSlice(as: UInt16.self)
            else { return nil }
            switch type {
            case Self.serverNameExtension:
                guard serverName == nil, let name = Self.serverName(in: content) else { return nil }
                serverName = name
            case Self.applicationProtocolExtension:
                guard let names = Self.protocols(in: content) else { return nil }
                applicationProtocols = names
            default:
                break
            }
        }
    }

    private static func serverName(in content: ByteBuffer) -> String? {
        var content = content
        guard var list = content.readLengthPrefixedSlice(as: UInt16.self), content.readableBytes == 0,
            list.readInteger(as: UInt8.self) == 0,  // host_name, the only type there is
            let name = list.readLengthPrefixedSlice(as: UInt16.self), name.readableBytes > 0,
            list.readableBytes == 0
        else { return nil }
        return String(buffer: name)
    }

    private static func protocols(in content: ByteBuffer) -> [String]? {
        var content = content
        guard var list = content.readLengthPrefixedSlice(as: UInt16.self), content.readableBytes == 0 else {
            return nil
        }
        var names: [String] = []
        while list.readableBytes > 0 {
            guard let name = list.readLengthPrefixedSlice(as: UInt8.self), name.readableBytes > 0 else { return nil }
            names.append(String(buffer: name))
        }
        return names
    }
}
