// The smallest thing that shows how the protocol works, to be read in five minutes:
// SSLRequest -> 'S' -> TLS -> is it our hostname? -> relay to one fixed backend.
// What a product needs beyond this is in Sources/PostgresGateway.

import ArgumentParser
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

@main
struct Spike: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Relay TLS connections for one hostname to one PostgreSQL server."
    )

    @Option(help: "The PostgreSQL server, IP:PORT.") var backend: String
    @Option(help: "The only server name (SNI) to serve.") var hostname: String
    @Option(help: "Certificate chain, PEM.") var cert: String
    @Option(help: "Private key, PEM.") var key: String
    @Option(help: "Port on 127.0.0.1; 0 for any.") var port = 5_432

    func run() async throws {
        guard let colon = backend.lastIndex(of: ":"), let backendPort = Int(backend[backend.index(after: colon)...]),
            let address = try? SocketAddress(ipAddress: String(backend[..<colon]), port: backendPort)
        else { throw ValidationError("--backend is IP:PORT, e.g. 127.0.0.1:5433") }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(cert).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
        )
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["postgresql"]
        let context = try NIOSSLContext(configuration: tls)
        let name = hostname.lowercased()
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let startup = StartupHandler(hostname: name, backend: address, tls: context)
                    try channel.pipeline.syncOperations.addHandler(startup)
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        print("spike: listening on 127.0.0.1:\(listener.localAddress?.port ?? port)")
        try await listener.closeFuture.get()
    }
}

/// From the first byte to the relay. Sees plaintext first and, once TLS stands in front of it, decrypted bytes.
final class StartupHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A start-up packet is a length, a code and a body; the code says which request it is.
    enum Code {
        static let cancel: UInt32 = 80_877_102
        static let ssl: UInt32 = 80_877_103
        static let gssEncryption: UInt32 = 80_877_104
    }

    private let hostname: String
    private let backend: SocketAddress
    private let tls: NIOSSLContext
    private var buffer = ByteBuffer()
    private var isEncrypted = false
    private var isDirect = false
    private var isDone = false
    private var isRefused = false
    private var serverName: String?
    private var applicationProtocol: String?

    init(hostname: String, backend: SocketAddress, tls: NIOSSLContext) {
        self.hostname = hostname
        self.backend = backend
        self.tls = tls
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        buffer.writeImmutableBuffer(unwrapInboundIn(data))
        guard !isDone else { return }
        if !isEncrypted, buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) == 0x16 {
            isDirect = true  // PostgreSQL 17: no SSLRequest, the ClientHello comes at once
            return startTLS(context: context)
        }
        guard let (length, code) = buffer.peekMultipleIntegers(as: (UInt32, UInt32).self) else { return }
        guard (8...10_004).contains(length) else { return context.close(promise: nil) }
        guard let packet = buffer.getSlice(at: buffer.readerIndex, length: Int(length)) else { return }
        switch code {
        case Code.ssl where !isEncrypted && buffer.readableBytes == 8:
            // One byte, alone. Bytes that already stand behind the request would be plaintext
            // smuggled into the encrypted stream (CVE-2021-23214), hence the check above.
            buffer.clear()
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "S")), promise: nil)
            startTLS(context: context)
        case Code.gssEncryption where !isEncrypted && buffer.readableBytes == 8:
            buffer.clear()
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "N")), promise: nil)
        case Code.cancel:
            // Most drivers send this in plaintext, without a name. With one backend, it is for that one.
            relay(packet, context: context)
        case Code.ssl, Code.gssEncryption:
            refuse("08P01", "an encryption request where none is expected", context: context)
        case _ where !isEncrypted:
            refuse("28000", "TLS is required for this connection", context: context)
        case _ where isDirect && applicationProtocol != "postgresql":
            refuse("08P01", "direct TLS requires the ALPN protocol \"postgresql\"", context: context)
        case _ where serverName == nil:
            refuse("08004", "the client sent no server name", context: context)
        case _ where serverName != hostname:
            refuse("3D000", "no branch has the hostname \"\(serverName ?? "")\"", context: context)
        default:
            relay(buffer, context: context)
        }
    }

    // While the backend is dialled, a client that goes on sending waits in the kernel's buffers.
    func read(context: ChannelHandlerContext) { if !isDone || isRefused { context.read() } }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted(let applicationProtocol) = event {
            self.applicationProtocol = applicationProtocol
        }
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// A peeker that reads the name off the ClientHello goes first; it puts TLS behind itself, gives
    /// it the same bytes, and leaves.
    private func startTLS(context: ChannelHandlerContext) {
        isEncrypted = true
        let pipeline = context.pipeline.syncOperations
        let peeker = ByteToMessageHandler(
            SNIHandler { [self] result in
                if case .hostname(let name) = result { serverName = name.lowercased() }
                return context.eventLoop.makeCompletedFuture {
                    try pipeline.addHandler(NIOSSLServerHandler(context: tls), position: .before(self))
                }
            }
        )
        let received = buffer
        buffer = ByteBuffer()
        guard (try? pipeline.addHandler(peeker, position: .first)) != nil else { return context.close(promise: nil) }
        if received.readableBytes > 0 { pipeline.fireChannelRead(NIOAny(received)) }
    }

    /// Text is shown by drivers only inside TLS, and only if the close is no reset: so flush, end
    /// the output, and leave the rest to the client.
    private func refuse(_ sqlState: String, _ message: String, context: ChannelHandlerContext) {
        isDone = true
        isRefused = true
        buffer = ByteBuffer()
        var body = ByteBuffer()
        for field in ["SFATAL", "VFATAL", "C\(sqlState)", "M\(message)"] { body.writeNullTerminatedString(field) }
        body.writeInteger(UInt8(0))
        var response = ByteBuffer(string: "E")
        response.writeInteger(UInt32(body.readableBytes + 4))
        response.writeBuffer(&body)
        context.writeAndFlush(wrapOutboundOut(response), promise: nil)
        context.close(mode: .output, promise: nil)
        context.read()
    }

    private func relay(_ first: ByteBuffer, context: ChannelHandlerContext) {
        isDone = true
        buffer = ByteBuffer()
        let client = context.channel
        ClientBootstrap(group: context.eventLoop)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(to: backend)
            .assumeIsolated()
            .whenComplete { [self] result in
                guard case .success(let server) = result else {
                    return refuse("57P03", "the branch is not accepting connections", context: context)
                }
                // What came in while the backend was dialled goes behind the first packet.
                var first = first
                first.writeImmutableBuffer(buffer)
                server.writeAndFlush(first, promise: nil)
                do {
                    try client.pipeline.syncOperations.addHandler(GlueHandler(partner: server, chunk: .max))
                    // Asynchronous libpq clients hang on TLS records over 8 KiB.
                    try server.pipeline.syncOperations.addHandler(GlueHandler(partner: client, chunk: 8_192))
                } catch {
                    server.close(promise: nil)
                }
                client.pipeline.syncOperations.removeHandler(context: context, promise: nil)
                client.read()
            }
    }
}

/// What is read here is written to the partner, in buffers of at most `chunk` bytes; reading waits
/// while the partner is full; the end of one is the end of the other.
final class GlueHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private let partner: any Channel
    private let chunk: Int

    init(partner: any Channel, chunk: Int) {
        self.partner = partner
        self.chunk = chunk
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        while let part = buffer.readSlice(length: min(chunk, buffer.readableBytes)), part.readableBytes > 0 {
            partner.write(part, promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { partner.flush() }

    func read(context: ChannelHandlerContext) { if partner.isWritable { context.read() } }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { partner.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { endPartner() }
    }

    // A FIN without close_notify comes as an error and then as `inputClosed`, which deals with it.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case NIOSSLError.uncleanShutdown = error { return }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { endPartner() }

    /// Only after all that was written has left: closing at once would drop it.
    private func endPartner() {
        let partner = partner
        partner.writeAndFlush(ByteBuffer()).whenComplete { _ in partner.close(mode: .output, promise: nil) }
    }
}
