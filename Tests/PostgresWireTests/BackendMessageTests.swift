import NIOCore
import PostgresWire
import TestSupport
import Testing

@Suite struct BackendMessageTests {
    @Test("A header is read whole or not at all, at any split")
    func headerSplits() throws {
        var message = ByteBuffer(string: "K")
        message.writeInteger(UInt32(12))
        for length in 0..<5 {
            var part = try #require(message.getSlice(at: 0, length: length))
            #expect(try BackendMessageHeader.decode(from: &part) == nil)
            #expect(part.readableBytes == length)
        }
        let header = try #require(try BackendMessageHeader.decode(from: &message))
        #expect(header.type == .backendKeyData)
        #expect(header.bodyLength == 8)
    }

    @Test(
        "Lengths that no server sends are refused",
        arguments: [0, 1, 2, 3, 0x4000_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as [UInt32]
    )
    func invalidLengths(length: UInt32) {
        var message = ByteBuffer(string: "D")
        message.writeInteger(length)
        #expect(throws: BackendMessageError.invalidLength(length)) {
            try BackendMessageHeader.decode(from: &message)
        }
    }

    @Test("BackendKeyData goes there and back", arguments: [4, 32, 256])
    func keyData(secretLength: Int) throws {
        let secret = ByteBuffer(repeating: 7, count: secretLength)
        let key = try #require(CancelKey(processID: 42, secret: secret))
        var message = ByteBuffer()
        BackendKeyData.encode(key: key, into: &message)
        let header = try #require(try BackendMessageHeader.decode(from: &message))
        #expect(header.bodyLength == message.readableBytes)
        #expect(BackendKeyData.bodyLength.contains(header.bodyLength))
        #expect(BackendKeyData.decode(body: message) == key)
    }

    @Test("Bodies that are no BackendKeyData give no key", arguments: [0, 3, 4, 7, 261])
    func notKeyData(length: Int) {
        #expect(BackendKeyData.decode(body: ByteBuffer(repeating: 1, count: length)) == nil)
    }

    @Test("An ErrorResponse has severity, code, message and hint, and no stray terminators")
    func errorResponse() throws {
        var message = ByteBuffer()
        ErrorResponse(sqlState: .cannotConnectNow, message: "a\0b", hint: "try ä").encode(into: &message)
        let header = try #require(try BackendMessageHeader.decode(from: &message))
        #expect(header.type == .errorResponse)
        #expect(header.bodyLength == message.readableBytes)
        let fields = try #require(ErrorResponse.decodeFields(body: message))
        #expect(fields[.severity] == "FATAL")
        #expect(fields[.localizedSeverity] == "FATAL")
        #expect(fields[.sqlState] == "57P03")
        #expect(fields[.message] == "ab")
        #expect(fields[.hint] == "try ä")
    }

    @Test("Bodies that are no list of fields give none", arguments: ["", "M", "Mtext", "Mtext\0"])
    func notFields(body: String) {
        #expect(ErrorResponse.decodeFields(body: ByteBuffer(string: body)) == nil)
    }
}
