package import Foundation
package import NIOSSL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A certificate chain with its key, ready for handshakes.
package struct CertificatePair: Sendable {
    package let context: NIOSSLContext
    /// The file the chain was read from, for messages.
    package let certFile: String
    /// When the leaf begins and ceases to be valid (RFC 5280 section 4.1.2.5).
    package let notBefore: Date
    package let notAfter: Date

    package func isInDate(at date: Date) -> Bool { (notBefore...max(notBefore, notAfter)).contains(date) }

    /// Reads and checks a pair of PEM files. Blocking, never on an event loop.
    ///
    /// A certificate out of date is no fault: clients of `sslmode=require` do not look at it.
    ///
    /// - Throws: ``ConfigurationError`` that names the file at fault.
    package static func load(certFile: String, keyFile: String) throws(ConfigurationError) -> CertificatePair {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(try bytes(certFile))
        } catch let error as ConfigurationError {
            throw error
        } catch {
            chain = []
        }
        guard let leaf = chain.first else {
            throw ConfigurationError("the certificate file \(certFile) has no certificate in PEM form")
        }
        let key: NIOSSLPrivateKey
        do {
            key = try NIOSSLPrivateKey(bytes: try bytes(keyFile), format: .pem)
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError("the key file \(keyFile) has no unencrypted private key in PEM form")
        }
        do {
            return CertificatePair(
                context: try TLSBaseline.makeContext(chain: chain, key: key),
                certFile: certFile,
                notBefore: Date(timeIntervalSince1970: TimeInterval(leaf.notValidBefore)),
                notAfter: Date(timeIntervalSince1970: TimeInterval(leaf.notValidAfter))
            )
        } catch {
            throw ConfigurationError(
                "the key in \(keyFile) does not fit the certificate in \(certFile); give the pair that was issued together"
            )
        }
    }

    /// Largest certificate or key file that is read, in bytes.
    private static let maximumSize = 1_024 * 1_024

    private static func bytes(_ path: String) throws(ConfigurationError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: maximumSize + 1)
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes { buffer in
                read(descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
            }
            if more < 0, errno == EINTR { continue }
            guard more >= 0 else { throw unreadable(path) }
            if more == 0 { break }
            count += more
        }
        guard count <= maximumSize else {
            throw ConfigurationError("the file \(path) is larger than \(maximumSize) bytes; give a PEM file")
        }
        return Array(bytes.prefix(count))
    }

    private static func unreadable(_ path: String) -> ConfigurationError {
        let code = errno
        let hint = code == EACCES ? "; user \(geteuid()), whom the gateway runs as, must be allowed to read it" : ""
        return ConfigurationError("the file \(path) cannot be read: \(String(cString: strerror(code)))\(hint)")
    }
}
