import GatewayHardening
import GatewayTestSupport
import NIOCore
import NIOPosix
import NIOSSL
import PostgresGateway
import PostgresWire
import TestSupport
import Testing

/// What is offered to clients, seen from a second implementation of TLS; each line of the baseline by itself.
@Suite struct TLSBaselineTests {
    /// Handshakes with what the client offers, over a gateway with an ECDSA and one with an RSA certificate.
    private func withGateways(_ body: (_ ecdsa: TestGateway, _ rsa: TestGateway) async throws -> Void) async throws {
        let directory = try TemporaryDirectory("baseline")
        defer { directory.remove() }
        try await Command.check(
            "openssl",
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=rsa", "-addext",
                "subjectAltName=DNS:*.pg.shop.example.net", "-keyout", directory.file("rsa.key"), "-out",
                directory.file("rsa.crt"),
            ]
        )
        let pair = GatewayConfiguration.Certificates.pair(
            certFile: directory.file("rsa.crt"),
            keyFile: directory.file("rsa.key")
        )
        try await TestGateway.run(routes: []) { ecdsa in
            try await TestGateway.run(routes: [], configure: { $0.certificates = pair }) { rsa in
                try await body(ecdsa, rsa)
            }
        }
    }

    private func connect(
        _ gateway: TestGateway,
        version: TLSConnection.Version? = nil,
        suites: String? = nil,
        groups: String? = nil
    ) throws -> TLSConnection {
        let raw = try gateway.connect()
        try raw.send(ByteBuffer.sslRequest.bytes)
        #expect(try raw.receive() == [UInt8(ascii: "S")])
        let tls = try TLSConnection(
            raw,
            serverName: TestGateway.hostname,
            version: version,
            suites: suites,
            groups: groups
        )
        try tls.handshake()
        return tls
    }

    @Test("TLS 1.2 and 1.3 are spoken; older ones are refused for their version, not for want of a suite")
    func versions() async throws {
        try await withGateways { ecdsa, rsa in
            for gateway in [ecdsa, rsa] {
                for version in [TLSConnection.Version.tls12, .tls13] {
                    let tls = try connect(gateway, version: version)
                    #expect(tls.certificateName != nil)
                }
                for version in [TLSConnection.Version.tls10, .tls11] {
                    let refusal = #expect(throws: TLSConnection.Failure.self) {
                        try connect(gateway, version: version, suites: "ALL:@SECLEVEL=0")
                    }
                    #expect(refusal?.description.contains("protocol version") == true, "\(refusal?.description ?? "")")
                }
            }
        }
    }

    @Test("The ECDHE AEAD suites of TLS 1.2 are spoken, each of them, and no other that clients may offer")
    func suites() async throws {
        try await withGateways { ecdsa, rsa in
            for suite in TLSBaseline.cipherSuites {
                let gateway = suite.contains("ECDSA") ? ecdsa : rsa
                let tls = try connect(gateway, version: .tls12, suites: suite)
                #expect(tls.suite == suite)
            }
            #expect(TLSBaseline.cipherSuites.count == 6)
            for suite in [
                "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA", "ECDHE-RSA-AES128-SHA",
                "ECDHE-RSA-AES256-SHA", "ECDHE-RSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA",
                "ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256",
            ] {
                let gateway = suite.contains("ECDSA") ? ecdsa : rsa
                let refusal = #expect(throws: TLSConnection.Failure.self) {
                    try connect(gateway, version: .tls12, suites: suite + ":@SECLEVEL=0")
                }
                #expect(
                    refusal?.description.contains("handshake failure") == true,
                    "\(suite): \(refusal?.description ?? "")"
                )
            }
        }
    }

    @Test("Each group alone is enough; others are refused", arguments: [TLSConnection.Version.tls12, .tls13])
    func groups(version: TLSConnection.Version) async throws {
        try await TestGateway.run(routes: []) { gateway in
            for group in ["X25519", "P-256", "P-384"] {
                // In TLS 1.2 the groups are those of the certificate's key as well.
                let offer = version == .tls12 && group != "P-256" ? "\(group):P-256" : group
                let tls = try connect(gateway, version: version, groups: offer)
                #expect(tls.certificateName != nil)
            }
            for group in ["P-521", "X448"] {
                let refusal = #expect(throws: TLSConnection.Failure.self) {
                    try connect(gateway, version: version, groups: group)
                }
                #expect(
                    refusal?.description.contains("handshake failure") == true,
                    "\(group): \(refusal?.description ?? "")"
                )
            }
        }
    }

    @Test("The post-quantum group alone is enough; the system's OpenSSL may be too old for it")
    func postQuantumGroup() async throws {
        #expect(TLSBaseline.groups == [.x25519MLKEM768, .x25519, .secp256r1, .secp384r1])
        try await TestGateway.run(routes: []) { gateway in
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.certificateVerification = .none
            configuration.minimumTLSVersion = .tlsv13
            configuration.curves = [.x25519_MLKEM768]
            configuration.applicationProtocols = ["postgresql"]
            let context = try NIOSSLContext(configuration: configuration)
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let answer = loop.makePromise(of: ByteBuffer.self)
            let channel = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let tls = try NIOSSLClientHandler(context: context, serverHostname: TestGateway.hostname)
                        try channel.pipeline.syncOperations.addHandlers([tls, AnswerHandler(answer)])
                    }
                }
                .connect(host: "127.0.0.1", port: gateway.port).get()
            // Inside TLS, and so behind the handshake: the refusal of a name that no route has.
            channel.writeAndFlush(ByteBuffer.startup(), promise: nil)
            let bytes = try await answer.futureResult.get()
            #expect(ReceivedError(Array(bytes.readableBytesView))?.sqlState == "3D000")
            try? await channel.close()
        }
    }

    @Test("No renegotiation, no compression, no early data")
    func extras() async throws {
        try await TestGateway.run(backend: RawListener()) { gateway in
            let old = try connect(gateway, version: .tls12)
            #expect(throws: (any Error).self) { try old.renegotiate() }
            let new = try connect(gateway, version: .tls13)
            try new.write([0, 0, 0, 7])
            _ = try new.readToEnd()
            let session = try #require(new.session)
            #expect(TLSConnection.maximumEarlyData(session) == 0)
        }
    }
}

/// Takes the first bytes that come, or the error.
private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: EventLoopPromise<ByteBuffer>

    init(_ answer: EventLoopPromise<ByteBuffer>) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { answer.succeed(unwrapInboundIn(data)) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { answer.fail(ChannelError.eof) }
}
