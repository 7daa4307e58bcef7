import GatewayCore
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
            // One wake-up of a listener accepts at most 16 beyond the limit; the rest stays in the kernel's queue.
            let others = try (0..<40).map { _ in try gateway.connect() }
            for other in others { try other.send(ByteBuffer.sslRequest.bytes) }
            let last = try #require(others.last)
            #expect(!last.hasInput(withinMilliseconds: 1_000), "nobody answers while the places are taken")
            #expect(gateway.state.handshakeCount <= 17)
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
