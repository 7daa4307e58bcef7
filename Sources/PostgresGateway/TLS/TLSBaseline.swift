import GatewayCore
import NIOCore
import NIOSSL

/// The TLS that is offered to clients: Mozilla's intermediate profile 6.0 (DESIGN.md, "TLS baseline").
enum TLSBaseline {
    /// The suites of TLS 1.2. Those of TLS 1.3 are BoringSSL's: the three AEAD suites.
    static let cipherSuites = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    ]

    static let curves: [NIOTLSCurve] = [.x25519_MLKEM768, .x25519, .secp256r1, .secp384r1]

    /// Builds a context; blocking and expensive, never on an event loop.
    static func makeContext(chain: [NIOSSLCertificate], key: NIOSSLPrivateKey) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuites = cipherSuites.joined(separator: ":")
        configuration.curves = curves
        configuration.applicationProtocols = [ConnectionMachine.applicationProtocol]
        configuration.renegotiationSupport = .none
        return try NIOSSLContext(configuration: configuration)
    }
}
