import GatewayCore
import NIOCore
import NIOPosix
import PostgresGateway
import Synchronization
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Mutation: pacer-waits-for-no-poll.
@Suite struct HandshakePacingTests {
    private static let flights = 40

    @Test("However many flights wait on a loop, its relays are served between them")
    func relaysGoOn() async throws {
        try await TestGateway.run(routes: []) { gateway in
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let loop = group.next()
            let pacer = try await HandshakePacer.make(on: loop, registry: gateway.server.registry)
            // The relay: a pipe that each flight writes a byte to.
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            let (input, output) = (ends[0], ends[1])
            defer { close(output) }
            let relay = Relay()
            _ = try await NIOPipeBootstrap(group: group)
                .channelInitializer { channel in channel.pipeline.addHandler(CountingHandler(relay)) }
                .takingOwnershipOfDescriptor(input: input)
                .get()
            try await loop.submit {
                for number in 1...Self.flights {
                    pacer.value.request(ConnectionID(number: UInt64(number))) {
                        relay.noteFlight()
                        var byte: UInt8 = 1
                        _ = write(output, &byte, 1)
                    }
                }
            }.get()
            try await eventually("all flights are done") { relay.seenAtFlights.count == Self.flights }
            // Of one poll, the flight may come before the byte that the flight before it wrote.
            for (index, seen) in relay.seenAtFlights.enumerated() {
                #expect(seen >= index - 1, "before flight \(index + 1)")
            }
            try await group.shutdownGracefully()
        }
    }
}

/// What a relay has got, and had got at each flight of a handshake.
private final class Relay: Sendable {
    private let state = Mutex((count: 0, atFlights: [Int]()))

    var seenAtFlights: [Int] { state.withLock { $0.atFlights } }

    func noteFlight() { state.withLock { $0.atFlights.append($0.count) } }
    func add(_ count: Int) { state.withLock { $0.count += count } }
}

private final class CountingHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let relay: Relay

    init(_ relay: Relay) {
        self.relay = relay
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        relay.add(unwrapInboundIn(data).readableBytes)
    }
}
