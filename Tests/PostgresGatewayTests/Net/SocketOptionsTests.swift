import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Mutations: client-keepalive, backend-keepalive, keepalive-times.
@Suite struct SocketOptionsTests {
    @Test("Both legs have keepalive and no delay, as the kernel has it: a dead peer is noticed in two minutes")
    func bothLegs() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let session = try gateway.ready(backend)
            // The gateway runs in this process, so that its sockets are among its own.
            let legs = [
                (
                    "client",
                    try #require(try Self.sockets { local, peer in local == gateway.port && peer != nil }.first)
                ),
                ("backend", try #require(try Self.sockets { _, peer in peer == backend.port }.first)),
            ]
            for (side, descriptor) in legs {
                #expect(Self.option(descriptor, SOL_SOCKET, SO_KEEPALIVE) == 1, "\(side)")
                #expect(Self.option(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE) == 60, "\(side)")
                #expect(Self.option(descriptor, Int32(IPPROTO_TCP), TCP_KEEPINTVL) == 10, "\(side)")
                #expect(Self.option(descriptor, Int32(IPPROTO_TCP), TCP_KEEPCNT) == 6, "\(side)")
                #expect(Self.option(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY) == 1, "\(side)")
            }
            withExtendedLifetime(session) {}
        }
    }

    private static func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, level, name, &value, &size) == 0 ? value : nil
    }

    /// The TCP sockets of this process over IPv4, by their two ports; the peer's is nil of one that has none.
    private static func sockets(where isWanted: (_ local: Int, _ peer: Int?) -> Bool) throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }.filter {
            guard let local = port($0, getsockname) else { return false }
            return isWanted(local, port($0, getpeername))
        }
    }

    private static func port(
        _ descriptor: Int32,
        _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Int? {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask(descriptor, $0, &size) }
        }
        guard result == 0, address.sin_family == sa_family_t(AF_INET) else { return nil }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
