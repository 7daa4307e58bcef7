import NIOCore
import PostgresGateway
import TestSupport
import Testing

@Suite struct HandshakeGateTests {
    @Test("Beyond the limit of handshakes accepting waits; a place that gets free is given on")
    func limit() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend, configure: { $0.maxHandshakes = 1 }) { gateway in
            var first: RawConnection? = try gateway.connect()
            try await gateway.eventually("the first is in") { gateway.state.handshakeCount >= 1 }
            // These are in the kernel's queue at most; they are served one after the other.
            let others = try (0..<20).map { _ in try gateway.connect() }
            for other in others { try other.send(ByteBuffer.sslRequest.bytes) }
            #expect(gateway.state.handshakeCount <= 17, "one wake-up accepts at most 16 beyond the limit")
            first = nil
            for other in others {
                #expect(try other.receive() == [UInt8(ascii: "S")])
                other.shutdownOutput()
                #expect(try other.receiveToEnd().isEmpty)
            }
            try await gateway.eventually("all are gone") { gateway.state.handshakeCount == 0 }
            _ = first
        }
    }
}
