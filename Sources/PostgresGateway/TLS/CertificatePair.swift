package import Foundation
package import GatewayContract
package import NIOSSL
package import RouteMap

/// A certificate chain with its key, ready for handshakes.
package struct CertificatePair: Sendable {
    /// The location of a pair, and the settings that name it.
    package struct Source: Hashable, Sendable {
        package var certFile: String
        package var keyFile: String
        /// The variables that errors about the files name.
        package var certVariable: GatewayVariable
        package var keyVariable: GatewayVariable

        /// The pair of CERT_FILE and KEY_FILE.
        package init(certFile: String, keyFile: String) {
            self.certFile = certFile
            self.keyFile = keyFile
            certVariable = .certFile
            keyVariable = .keyFile
        }

        /// A pair of CERT_DIR.
        ///
        /// - Parameter path: without the endings `.crt` and `.key`.
        init(inDirectory path: String) {
            certFile = "\(path).crt"
            keyFile = "\(path).key"
            certVariable = .certDir
            keyVariable = .certDir
        }
    }

    package let context: NIOSSLContext
    /// The file the chain was read from, for messages.
    package let certFile: String
    /// The DNS names of the leaf's subjectAltName, in lower case.
    package let names: [String]
    /// When the leaf begins and ceases to be valid (RFC 5280 section 4.1.2.5).
    package let notBefore: Date
    package let notAfter: Date

    private let nameSet: Set<String>

    package func isInDate(at date: Date) -> Bool { (notBefore...max(notBefore, notAfter)).contains(date) }

    /// Whether a client that verifies names would take it for this one: that very name, or a wildcard in place of its
    /// first label (RFC 9525 section 6.3).
    package func covers(_ hostname: Hostname) -> Bool { covers(name: hostname.name) }

    /// - Parameter name: a hostname, or `*.` and one, which only the same wildcard covers.
    func covers(name: String) -> Bool {
        if nameSet.contains(name) { return true }
        guard !name.hasPrefix("*"), let dot = name.firstIndex(of: ".") else { return false }
        return nameSet.contains("*" + name[dot...])
    }

    /// Reads and checks a pair of PEM files. Blocking, never on an event loop.
    ///
    /// A certificate out of date is no fault: clients of `sslmode=require` do not look at it.
    ///
    /// - Throws: ``ConfigurationError`` that names the variable and the file at fault, and the cause.
    package static func load(_ source: Source) throws(ConfigurationError) -> CertificatePair {
        let chain = try chain(source)
        guard let leaf = chain.first else {
            throw ConfigurationError(source.certVariable, file: source.certFile, "contains no PEM certificate")
        }
        let key = try key(source)
        do {
            let names = dnsNames(of: leaf)
            return CertificatePair(
                context: try TLSContextFactory.make(chain: chain, key: key),
                certFile: source.certFile,
                names: names,
                notBefore: Date(timeIntervalSince1970: TimeInterval(leaf.notValidBefore)),
                notAfter: Date(timeIntervalSince1970: TimeInterval(leaf.notValidAfter)),
                nameSet: Set(names)
            )
        } catch NIOSSLError.failedToLoadPrivateKey {
            // The key itself was valid, so it does not match: BoringSSL compares it with the leaf's.
            throw ConfigurationError(
                source.keyVariable,
                file: source.keyFile,
                "contains a key that does not match the certificate in \(source.certFile); use the key it was issued for"
            )
        } catch {
            throw ConfigurationError(
                source.certVariable,
                file: source.certFile,
                "contains a certificate that cannot be used with the key in \(source.keyFile): \(TLSErrorText.reason(error))"
            )
        }
    }

    private static func chain(_ source: Source) throws(ConfigurationError) -> [NIOSSLCertificate] {
        let bytes = try PEMFile.bytes(of: source.certFile, source.certVariable)
        guard PEMFile.hasBlock("CERTIFICATE", in: bytes) else { return [] }
        do {
            return try NIOSSLCertificate.fromPEMBytes(bytes)
        } catch {
            throw ConfigurationError(
                source.certVariable,
                file: source.certFile,
                "contains a certificate that cannot be used: \(TLSErrorText.reason(error))"
            )
        }
    }

    private static func key(_ source: Source) throws(ConfigurationError) -> NIOSSLPrivateKey {
        let bytes = try PEMFile.bytes(of: source.keyFile, source.keyVariable)
        guard PEMFile.hasBlock("PRIVATE KEY", in: bytes) else {
            throw ConfigurationError(source.keyVariable, file: source.keyFile, "contains no PEM private key")
        }
        do {
            return try NIOSSLPrivateKey(bytes: bytes, format: .pem)
        } catch {
            // NIOSSL keeps BoringSSL's reason to itself here.
            throw ConfigurationError(
                source.keyVariable,
                file: source.keyFile,
                "contains a private key that cannot be used: \(PrivateKeyProblem(pem: bytes))"
            )
        }
    }

    private static func dnsNames(of leaf: NIOSSLCertificate) -> [String] {
        leaf._subjectAlternativeNames().filter { $0.nameType == .dnsName }.map { name in
            name.contents.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self).lowercased() }
        }
    }
}

extension ConfigurationError {
    /// - Parameter problem: follows the file's name, e.g. "cannot be read".
    init(_ variable: GatewayVariable, file: String, _ problem: String) {
        self.init("\(variable.environmentName) (\(variable.flag)): the file \(file) \(problem)")
    }
}

/// Readable forms of TLS libraries' errors.
enum TLSErrorText {
    /// The reasons in BoringSSL's own words, without the places in its source.
    static func reason(_ error: any Error) -> String {
        let stack: NIOBoringSSLErrorStack
        switch error {
        case BoringSSLError.sslError(let errors), BoringSSLError.unknownError(let errors): stack = errors
        default: return "\(error)"
        }
        let reasons = stack.map { error in
            let text = "\(error)"
            let start = text.range(of: "OPENSSL_internal:")?.upperBound ?? text.startIndex
            return String(text[start...].prefix { $0 != " " })
        }
        return reasons.isEmpty ? "\(error)" : reasons.joined(separator: ", ")
    }
}
