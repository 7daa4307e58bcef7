import NIOCore
import PostgresWire
import TestSupport
import Testing

@Suite struct StartupPacketTests {
    /// Feeds pieces to the decoder the way a connection does, and keeps what it made of them.
    private func decode(_ pieces: [ByteBuffer]) throws(StartupPacketError) -> (StartupPacket?, rest: Int) {
        var buffer = ByteBuffer()
        for piece in pieces {
            buffer.writeImmutableBuffer(piece)
            if let packet = try StartupPacket.decode(from: &buffer) {
                // What stands behind the packet is not this call's business.
                let arrived = pieces.reduce(0) { $0 + $1.readableBytes }
                let read = buffer.readerIndex
                return (packet, arrived - read)
            }
        }
        return (nil, buffer.readableBytes)
    }

    private static func cancel(secretLength: Int) -> ByteBuffer {
        ByteBuffer.cancelRequest(processID: 4_711, secret: (0..<secretLength).map { UInt8(truncatingIfNeeded: $0) })
    }

    @Test(
        "Every split of a packet gives the same packet, and nothing is consumed before it is whole",
        arguments: [
            .sslRequest, .gssEncRequest, cancel(secretLength: 4), cancel(secretLength: 32),
            cancel(secretLength: 256), ByteBuffer.startup(), ByteBuffer.startup([("user", "")]),
            ByteBuffer.startup(version: ProtocolVersion(major: 3, minor: 9_999), [("user", "a"), ("_pq_.test", "1")]),
        ]
    )
    func anySplit(packet: ByteBuffer) throws {
        var whole = packet
        let expected = try #require(try StartupPacket.decode(from: &whole))
        #expect(whole.readableBytes == 0)
        try Splits.forEach(packet) { pieces in
            let (decoded, rest) = try decode(pieces)
            #expect(decoded == expected)
            #expect(rest == 0)
        }
        for length in 0..<packet.readableBytes {
            var part = try #require(packet.getSlice(at: packet.readerIndex, length: length))
            #expect(try StartupPacket.decode(from: &part) == nil)
            #expect(part.readableBytes == length)
        }
    }

    @Test("Bytes behind a packet are left alone")
    func bytesBehind() throws {
        var buffer = ByteBuffer.sslRequest
        buffer.writeString("more")
        #expect(try StartupPacket.decode(from: &buffer) == .sslRequest)
        #expect(String(buffer: buffer) == "more")
    }

    @Test(
        "A length out of bounds is refused as soon as its four bytes are there",
        arguments: [
            0, 1, 2, 3, 4, 5, 6, 7, 10_005, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x4745_5420, 0x0001_0000,
        ] as [UInt32]
    )
    func lengthOutOfBounds(length: UInt32) {
        for withCode in [false, true] {
            var buffer = ByteBuffer(integer: length)
            if withCode { buffer.writeInteger(ProtocolVersion.v3_0.code) }
            #expect(throws: StartupPacketError.invalidLength(length)) {
                try StartupPacket.decode(from: &buffer)
            }
        }
    }

    /// PostgreSQL's limit of 10,000 is for what follows the length field: 10,004 is its largest value.
    @Test("The largest lengths that PostgreSQL takes are taken", arguments: [9_999, 10_000, 10_001, 10_003, 10_004])
    func largestLengths(length: Int) throws {
        let name = "application_name"
        let fixed = ByteBuffer.startup([(name, "")]).readableBytes
        var packet = ByteBuffer.startup([(name, String(repeating: "x", count: length - fixed))])
        #expect(packet.readableBytes == length)
        guard case .startupMessage(let message) = try StartupPacket.decode(from: &packet) else {
            Issue.record("not a StartupMessage")
            return
        }
        #expect(message.parameter(name)?.count == length - fixed)
    }

    @Test("Eight bytes with a protocol version have no terminator and are refused")
    func startupWithoutParameters() {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(UInt32(8), ProtocolVersion.v3_0.code)
        #expect(throws: StartupPacketError.invalidParameters) { try StartupPacket.decode(from: &buffer) }
    }

    @Test("A request of fixed layout with another length is refused", arguments: [9, 16, 10_000] as [UInt32])
    func requestOfOtherLength(length: UInt32) {
        for version in [ProtocolVersion.sslRequest, .gssEncRequest] {
            var buffer = ByteBuffer()
            buffer.writeMultipleIntegers(length, version.code)
            #expect(throws: StartupPacketError.invalidRequestLength(code: version, length: length)) {
                try StartupPacket.decode(from: &buffer)
            }
        }
    }

    @Test("Cancel keys of 4 to 256 bytes, no others", arguments: [0, 3, 4, 5, 32, 255, 256, 257, 9_000])
    func cancelKeys(secretLength: Int) throws {
        var packet = Self.cancel(secretLength: secretLength)
        let original = packet
        guard (4...256).contains(secretLength) else {
            let error = StartupPacketError.invalidRequestLength(
                code: .cancelRequest,
                length: UInt32(12 + secretLength)
            )
            #expect(throws: error) { try StartupPacket.decode(from: &packet) }
            return
        }
        guard case .cancelRequest(let request) = try StartupPacket.decode(from: &packet) else {
            Issue.record("not a CancelRequest")
            return
        }
        #expect(request.packet == original)
        #expect(request.key.processID == 4_711)
        #expect(request.key.secret.readableBytes == secretLength)
    }

    @Test(
        "Parameters that are not pairs of strings and one terminator at the end are refused",
        arguments: ["user", "user\0", "user\0frost", "user\0frost\0", "user\0frost\0\0x", "\0\0", "user\0\0\0\0"]
    )
    func malformedParameters(body: String) {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(UInt32(8 + body.utf8.count), ProtocolVersion.v3_0.code)
        buffer.writeString(body)
        #expect(throws: StartupPacketError.invalidParameters) { try StartupPacket.decode(from: &buffer) }
    }

    @Test("A StartupMessage keeps its bytes, its order and its options")
    func startupMessageContent() throws {
        let version = ProtocolVersion(major: 3, minor: 9_999)
        let packet = ByteBuffer.startup(
            version: version,
            [("user", "frost"), ("_pq_.option", "on"), ("options", "-c x=1")]
        )
        var buffer = packet
        guard case .startupMessage(let message) = try StartupPacket.decode(from: &buffer) else {
            Issue.record("not a StartupMessage")
            return
        }
        #expect(message.packet == packet)
        #expect(message.version == version)
        #expect(message.parameters.map(\.name) == ["user", "_pq_.option", "options"])
        #expect(message.parameter("_pq_.option") == "on")
        #expect(message.parameter("password") == nil)
    }

    @Test("Other major versions are told by their number", arguments: [(1, 0), (2, 0), (4, 0), (1_234, 5_681), (0, 0)])
    func otherMajorVersions(major: Int, minor: Int) {
        let version = ProtocolVersion(major: UInt16(major), minor: UInt16(minor))
        var packet = ByteBuffer.startup(version: version)
        #expect(throws: StartupPacketError.unsupportedVersion(version)) { try StartupPacket.decode(from: &packet) }
    }

    @Test("Codes are the numbers of PostgreSQL's headers")
    func codes() {
        #expect(ProtocolVersion.cancelRequest.code == 80_877_102)
        #expect(ProtocolVersion.sslRequest.code == 80_877_103)
        #expect(ProtocolVersion.gssEncRequest.code == 80_877_104)
        #expect(ProtocolVersion.v3_2.code == 196_610)
        #expect("\(ProtocolVersion.v3_2)" == "3.2")
    }
}
