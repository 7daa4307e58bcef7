import GatewayCore
import NIOCore
import PostgresWire
import Testing

@Suite struct CancelKeysTests {
    private let registry = CancelKeys()

    private func key(_ processID: UInt32, _ secret: [UInt8] = [1, 2, 3, 4]) throws -> CancelKey {
        try #require(CancelKey(processID: processID, secret: ByteBuffer(bytes: secret)))
    }

    private func backend(_ port: Int) throws -> SocketAddress {
        try SocketAddress(ipAddress: "127.0.0.1", port: port)
    }

    @Test("A key is found by process id and secret, while its session is open")
    func found() throws {
        registry.add(try key(7), session: ConnectionID(number: 1), backend: try backend(10_001))
        registry.add(try key(7, [9, 9, 9, 9]), session: ConnectionID(number: 2), backend: try backend(10_002))
        #expect(registry.backend(for: try key(7))?.port == 10_001)
        #expect(registry.backend(for: try key(7, [9, 9, 9, 9]))?.port == 10_002)
        #expect(registry.backend(for: try key(7, [0, 0, 0, 0])) == nil)
        #expect(registry.backend(for: try key(8)) == nil)
        #expect(registry.backend(for: try key(7, [1, 2, 3, 4, 0])) == nil)
        registry.remove(try key(7), session: ConnectionID(number: 1))
        #expect(registry.backend(for: try key(7)) == nil)
        #expect(registry.count == 1)
    }

    @Test("A key that two backends gave out leads nowhere until one is gone")
    func collision() throws {
        registry.add(try key(7), session: ConnectionID(number: 1), backend: try backend(10_001))
        registry.add(try key(7), session: ConnectionID(number: 2), backend: try backend(10_002))
        #expect(registry.backend(for: try key(7)) == nil)
        registry.remove(try key(7), session: ConnectionID(number: 1))
        #expect(registry.backend(for: try key(7))?.port == 10_002)
        registry.remove(try key(7), session: ConnectionID(number: 2))
        #expect(registry.count == 0)
    }
}
