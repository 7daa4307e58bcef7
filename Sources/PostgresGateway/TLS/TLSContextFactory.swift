import GatewayCore
import GatewayHardening
import NIOSSL

/// Makes NIOSSL's contexts of ``TLSBaseline``.
enum TLSContextFactory {
    /// Builds a context; blocking and expensive, never on an event loop.
    ///
    /// - Throws: NIOSSL's error for a chain and key that cannot be used, or not together.
    static func make(chain: [NIOSSLCertificate], key: NIOSSLPrivateKey) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion =
            switch TLSBaseline.minimumVersion {
            case .tls12: .tlsv12
            case .tls13: .tlsv13
            }
        configuration.cipherSuites = TLSBaseline.cipherSuites.joined(separator: ":")
        configuration.curves = TLSBaseline.groups.map(\.curve)
        configuration.applicationProtocols = [ConnectionMachine.applicationProtocol]
        configuration.renegotiationSupport = .none
        return try NIOSSLContext(configuration: configuration)
    }
}

extension TLSBaseline.Group {
    fileprivate var curve: NIOTLSCurve {
        switch self {
        case .secp256r1: .secp256r1
        case .secp384r1: .secp384r1
        case .x25519: .x25519
        case .x25519MLKEM768: .x25519_MLKEM768
        }
    }
}
