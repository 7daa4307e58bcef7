import Foundation
package import NIOSSL
import RouteMap

/// The certificates in force: one TLS context for each, chosen by server name.
package struct CertificateStore: Sendable {
    private let contexts: [String: NIOSSLContext]
    private let fallback: NIOSSLContext

    /// Reads the files and builds the contexts. Blocking, never on an event loop.
    ///
    /// - Throws: ``ConfigurationError`` that names the file at fault.
    package static func load(
        _ certificates: GatewayConfiguration.Certificates
    ) throws(ConfigurationError) -> CertificateStore {
        switch certificates {
        case .pair(let certFile, let keyFile):
            return CertificateStore(contexts: [:], fallback: try context(certFile: certFile, keyFile: keyFile))
        case .directory(let directory, let pair):
            let contexts = try loadDirectory(directory)
            // Without a pair of its own, a client with no or another name gets the first in order
            // of name, so that it can be told inside TLS what is wrong.
            let first = contexts.min { $0.key < $1.key }?.value
            let fallback =
                if let pair { try context(certFile: pair.certFile, keyFile: pair.keyFile) } else { first }
            guard let fallback else {
                throw ConfigurationError(.certDir, "\(directory) has no <name>.crt with a <name>.key")
            }
            return CertificateStore(contexts: contexts, fallback: fallback)
        }
    }

    /// The context for a server name as a client sent it: the pair of that very name, else the
    /// wildcard of one label (RFC 9525 section 6.3), else the default pair.
    package func context(serverName: String?) -> NIOSSLContext {
        guard !contexts.isEmpty, let serverName, let hostname = try? Hostname(serverName) else { return fallback }
        if let exact = contexts[hostname.name] { return exact }
        guard let dot = hostname.name.firstIndex(of: ".") else { return fallback }
        return contexts["*" + hostname.name[dot...]] ?? fallback
    }

    private static func loadDirectory(_ directory: String) throws(ConfigurationError) -> [String: NIOSSLContext] {
        let files: [String]
        do {
            files = try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw ConfigurationError(.certDir, "\(directory) cannot be read: \(error.localizedDescription)")
        }
        var contexts: [String: NIOSSLContext] = [:]
        for file in files where file.hasSuffix(".crt") && !file.hasPrefix(".") {
            let stem = String(file.dropLast(4))
            let path = "\(directory)/\(stem)"
            contexts[try name(fromFile: stem, in: directory)] = try context(
                certFile: "\(path).crt",
                keyFile: "\(path).key"
            )
        }
        return contexts
    }

    /// The server name that a file is for. A wildcard may be written `*.` or, as certificate tools
    /// do for file names, `wildcard_.` or `_wildcard.`.
    private static func name(fromFile stem: String, in directory: String) throws(ConfigurationError) -> String {
        for prefix in ["*.", "wildcard_.", "_wildcard."] where stem.hasPrefix(prefix) {
            return "*." + (try hostname(stem.dropFirst(prefix.count), stem: stem, directory: directory))
        }
        return try hostname(stem[...], stem: stem, directory: directory)
    }

    private static func hostname(
        _ text: Substring,
        stem: String,
        directory: String
    ) throws(ConfigurationError) -> String {
        do {
            return try Hostname(text).name
        } catch {
            throw ConfigurationError(
                .certDir,
                "\(directory)/\(stem).crt: the file's name is to be a server name, but it \(error)"
            )
        }
    }

    private static func context(certFile: String, keyFile: String) throws(ConfigurationError) -> NIOSSLContext {
        let chain: [NIOSSLCertificate]
        let key: NIOSSLPrivateKey
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(try bytes(certFile))
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError("the certificate file \(certFile) has no certificate in PEM form")
        }
        guard !chain.isEmpty else {
            throw ConfigurationError("the certificate file \(certFile) has no certificate in PEM form")
        }
        do {
            key = try NIOSSLPrivateKey(bytes: try bytes(keyFile), format: .pem)
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError("the key file \(keyFile) has no unencrypted private key in PEM form")
        }
        do {
            return try TLSBaseline.makeContext(chain: chain, key: key)
        } catch {
            throw ConfigurationError(
                "the key in \(keyFile) does not fit the certificate in \(certFile); give the pair that was issued together"
            )
        }
    }

    private static func bytes(_ path: String) throws(ConfigurationError) -> [UInt8] {
        do {
            return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw ConfigurationError("the file \(path) cannot be read: \(error.localizedDescription)")
        }
    }
}
