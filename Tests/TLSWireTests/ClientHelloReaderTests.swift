import GatewayTestSupport
import NIOCore
import TLSWire
import TestSupport
import Testing

@Suite struct ClientHelloReaderTests {
    private func read(_ pieces: [ByteBuffer]) -> ClientHelloReader.Outcome {
        var reader = ClientHelloReader()
        var outcome = ClientHelloReader.Outcome.incomplete
        for piece in pieces where outcome == .incomplete { outcome = reader.receive(piece) }
        return outcome
    }

    @Test("Any split, in any records, gives the same name and protocols", arguments: [1, 2, 3, 7, 50, 16_384])
    func anySplit(recordLength: Int) {
        let bytes = ClientHelloBytes.make(
            serverName: "dev.pg.shop.example.net",
            protocols: ["postgresql", "h2"],
            recordLength: recordLength
        )
        let expected = ClientHello(
            serverName: "dev.pg.shop.example.net",
            applicationProtocols: ["postgresql", "h2"]
        )
        Splits.forEach(bytes) { #expect(read($0) == .complete(expected)) }
    }

    @Test("Nothing is concluded from a part", arguments: [1, 16_384])
    func parts(recordLength: Int) throws {
        let bytes = ClientHelloBytes.make(serverName: "a.b", recordLength: recordLength)
        for length in 0..<bytes.readableBytes {
            let part = try #require(bytes.getSlice(at: bytes.readerIndex, length: length))
            #expect(read([part]) == .incomplete)
        }
    }

    @Test("Large hellos, as post-quantum key shares make them, up to 16 KiB", arguments: [1_400, 4_000, 16_000])
    func largeHello(padding: Int) {
        let bytes = ClientHelloBytes.make(serverName: "a.b", padding: padding, recordLength: 512)
        #expect(read([bytes]) == .complete(ClientHello(serverName: "a.b", applicationProtocols: [])))
    }

    @Test("A hello over 16 KiB is refused by its header")
    func tooLarge() {
        let header = ByteBuffer(bytes: [22, 3, 1, 0, 4, 1, 0, 0x40, 1])
        #expect(read([header]) == .unreadable)
        let largest = ByteBuffer(bytes: [22, 3, 1, 0, 4, 1, 0, 0x40, 0])
        #expect(read([largest]) == .incomplete)
    }

    @Test(
        "Server names come as they are: case, trailing dot, IP literal, long, not ASCII",
        arguments: [
            "DEV.Pg.Shop.Example.NET", "dev.pg.shop.example.net.", "127.0.0.1", "::1", "ä.example", "a\0b",
            String(repeating: "a", count: 253), String(repeating: "a", count: 254),
            String(repeating: "a", count: 5_000),
        ]
    )
    func serverNames(name: String) {
        let bytes = ClientHelloBytes.make(serverName: name)
        #expect(read([bytes]) == .complete(ClientHello(serverName: name, applicationProtocols: [])))
    }

    @Test("Bytes that are no UTF-8 do not trap")
    func notUTF8() {
        let bytes = ClientHelloBytes.make(serverNameBytes: [0xff, 0xfe, 0x80])
        guard case .complete(let hello) = read([bytes]) else {
            Issue.record("not read")
            return
        }
        #expect(hello.serverName == "\u{fffd}\u{fffd}\u{fffd}")
    }

    @Test("No extensions, no name; an empty name is malformed")
    func withoutName() {
        #expect(read([ClientHelloBytes.make(serverName: nil)]) == .complete(.silent))
        #expect(read([ClientHelloBytes.make(serverName: "")]) == .unreadable)
    }

    @Test(
        "What is no ClientHello is left to BoringSSL",
        arguments: [
            [UInt8]("GET / HTTP/1.1\r\n".utf8), [21, 3, 1, 0, 2, 1, 0], [22, 2, 0, 0, 1, 1], [22, 3, 1, 0, 0],
            [22, 3, 1, 0x40, 1], [22, 3, 1, 0, 4, 2, 0, 0, 0], [22, 3, 1, 0, 5, 1, 0, 0, 1, 3],
        ]
    )
    func notAHello(bytes: [UInt8]) {
        #expect(read([ByteBuffer(bytes: bytes)]) == .unreadable)
        #expect(read(bytes.map { ByteBuffer(bytes: [$0]) }) == .unreadable)
    }

    /// Every byte of a hello replaced by every of some values: any outcome, no trap.
    @Test("Damaged hellos never trap")
    func damaged() {
        let bytes = ClientHelloBytes.make(serverName: "dev.example", protocols: ["postgresql"]).bytes
        var outcomes: Set<String> = []
        for index in bytes.indices {
            for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff] {
                var damaged = bytes
                damaged[index] = value
                switch read([ByteBuffer(bytes: damaged)]) {
                case .incomplete: outcomes.insert("incomplete")
                case .complete: outcomes.insert("complete")
                case .unreadable: outcomes.insert("unreadable")
                }
            }
        }
        #expect(outcomes == ["incomplete", "complete", "unreadable"])
    }
}
