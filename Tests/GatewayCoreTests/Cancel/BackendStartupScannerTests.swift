import GatewayCore
import NIOCore
import PostgresWire
import TestSupport
import Testing

@Suite struct BackendStartupScannerTests {
    private static func message(_ type: Character, _ body: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer(string: String(type))
        buffer.writeInteger(UInt32(body.count + 4))
        buffer.writeBytes(body)
        return buffer
    }

    private static func key(secretLength: Int) -> CancelKey? {
        CancelKey(processID: 42, secret: ByteBuffer(bytes: (0..<secretLength).map { UInt8(truncatingIfNeeded: $0) }))
    }

    /// NegotiateProtocolVersion, authentication, parameters, key, ready.
    private static func startup(_ key: CancelKey) -> ByteBuffer {
        var buffer = message("v", [0, 3, 0, 0, 0, 0, 0, 0])
        buffer.writeImmutableBuffer(message("R", [0, 0, 0, 10] + Array("SCRAM-SHA-256".utf8) + [0, 0]))
        buffer.writeImmutableBuffer(message("R", [0, 0, 0, 0]))
        buffer.writeImmutableBuffer(message("S", Array("server_version\0".utf8) + Array("18.4\0".utf8)))
        buffer.writeImmutableBuffer(message("N", []))
        BackendKeyData.encode(key: key, into: &buffer)
        buffer.writeImmutableBuffer(message("Z", [UInt8(ascii: "I")]))
        return buffer
    }

    @Test("The key is found at any split, once, and what follows ReadyForQuery is not read", arguments: [4, 32, 256])
    func anySplit(secretLength: Int) throws {
        let key = try #require(Self.key(secretLength: secretLength))
        Splits.forEach(Self.startup(key)) { pieces in
            var scanner = BackendStartupScanner()
            #expect(pieces.flatMap { scanner.observe($0) } == [.authenticationOk, .key(key), .readyForQuery])
            #expect(scanner.isFinished)
            var more = ByteBuffer()
            BackendKeyData.encode(key: key, into: &more)
            #expect(scanner.observe(more) == [])
        }
    }

    @Test("An ErrorResponse is told by its code, at any split, however long it is", arguments: ["28P01", "53300"])
    func serverRefuses(code: String) {
        var response = ByteBuffer()
        let state = SQLState(rawValue: code)
        let long = String(repeating: "x", count: 3_000)
        ErrorResponse(sqlState: state, message: long, hint: long).encode(into: &response)
        for cut in 1..<64 {
            var scanner = BackendStartupScanner()
            var rest = response
            let first = rest.readSlice(length: cut) ?? ByteBuffer()
            #expect(scanner.observe(first) + scanner.observe(rest) == [.error(state)])
            #expect(!scanner.isFinished)
            #expect(scanner.isBetweenMessages)
        }
    }

    @Test("Between messages is where one has ended and the next has not begun")
    func betweenMessages() {
        var scanner = BackendStartupScanner()
        #expect(scanner.isBetweenMessages)
        #expect(scanner.observe(ByteBuffer(string: "R")) == [])
        #expect(!scanner.isBetweenMessages)
        #expect(scanner.observe(ByteBuffer(bytes: [0, 0, 0, 8, 0, 0])) == [])
        #expect(!scanner.isBetweenMessages)
        #expect(scanner.observe(ByteBuffer(bytes: [0, 0])) == [.authenticationOk])
        #expect(scanner.isBetweenMessages)
    }

    @Test("Lengths that no server sends end the reading", arguments: [0, 3, 0x4000_0000, 0xffff_ffff] as [UInt32])
    func invalidLengths(length: UInt32) {
        var bytes = ByteBuffer(string: "K")
        bytes.writeInteger(length)
        var scanner = BackendStartupScanner()
        #expect(scanner.observe(bytes) == [])
        #expect(scanner.isFinished)
        #expect(!scanner.isBetweenMessages)
    }

    @Test("A BackendKeyData of a length that none has is passed by", arguments: [0, 7, 261, 100_000])
    func oddKeyData(length: Int) throws {
        let key = try #require(Self.key(secretLength: 4))
        var scanner = BackendStartupScanner()
        #expect(scanner.observe(Self.message("K", [UInt8](repeating: 1, count: length))) == [])
        #expect(scanner.observe(Self.startup(key)).contains(.key(key)))
    }
}
