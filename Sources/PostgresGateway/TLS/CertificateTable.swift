import Foundation
import GatewayContract
package import NIOSSL
import RouteMap

/// The certificates in force at one time: immutable, chosen by server name, swapped as a whole.
package struct CertificateTable: Sendable {
    private let named: [String: CertificatePair]
    private let fallback: CertificatePair

    /// All pairs, each once.
    package var pairs: [CertificatePair] {
        let isFallbackNamed = named.values.contains { $0.certFile == fallback.certFile }
        return named.sorted { $0.key < $1.key }.map(\.value) + (isFallbackNamed ? [] : [fallback])
    }

    /// Reads the files. Blocking, never on an event loop.
    ///
    /// - Parameters:
    ///   - source: where the files are.
    ///   - previous: whose pairs stay in place of those that cannot be read now.
    ///   - faults: what could not be read, each naming its file.
    /// - Throws: ``ConfigurationError`` when not one pair is left.
    package static func load(
        _ source: GatewayConfiguration.Certificates,
        keeping previous: CertificateTable? = nil,
        faults: inout [ConfigurationError]
    ) throws(ConfigurationError) -> CertificateTable {
        switch source {
        case .pair(let certFile, let keyFile):
            let pair = try CertificatePair.load(certFile: certFile, keyFile: keyFile)
            return CertificateTable(named: [:], fallback: pair)
        case .directory(let directory, let pair):
            let named = try loadDirectory(directory, keeping: previous?.named ?? [:], faults: &faults)
            if let pair {
                do {
                    let fallback = try CertificatePair.load(certFile: pair.certFile, keyFile: pair.keyFile)
                    return CertificateTable(named: named, fallback: fallback)
                } catch {
                    guard let fallback = previous?.fallback else { throw error }
                    faults.append(error)
                    return CertificateTable(named: named, fallback: fallback)
                }
            }
            // Without a pair of its own, a client with no or another name gets the first in order
            // of name, so that it can be told inside TLS what is wrong.
            guard let first = named.min(by: { $0.key < $1.key })?.value else {
                throw faults.first ?? ConfigurationError(.certDir, "\(directory) has no <name>.crt with a <name>.key")
            }
            return CertificateTable(named: named, fallback: first)
        }
    }

    /// The context for a server name as a client sent it: the pair of that very name, else the
    /// wildcard of one label (RFC 9525 section 6.3), else the default pair.
    package func context(serverName: String?) -> NIOSSLContext {
        pair(serverName: serverName).context
    }

    private func pair(serverName: String?) -> CertificatePair {
        guard !named.isEmpty, let serverName, let hostname = try? Hostname(serverName) else { return fallback }
        if let exact = named[hostname.name] { return exact }
        guard let dot = hostname.name.firstIndex(of: ".") else { return fallback }
        return named["*" + hostname.name[dot...]] ?? fallback
    }

    private static func loadDirectory(
        _ directory: String,
        keeping previous: [String: CertificatePair],
        faults: inout [ConfigurationError]
    ) throws(ConfigurationError) -> [String: CertificatePair] {
        let files: [String]
        do {
            files = try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw ConfigurationError(.certDir, "\(directory) cannot be read: \(error.localizedDescription)")
        }
        var pairs: [String: CertificatePair] = [:]
        for file in files.sorted() where isCertificate(file) {
            let stem = String(file.dropLast(4))
            let path = "\(directory)/\(stem)"
            do {
                let name = try name(fromFile: stem, in: directory)
                pairs[name] = previous[name]
                pairs[name] = try CertificatePair.load(certFile: "\(path).crt", keyFile: "\(path).key")
            } catch {
                faults.append(error)
            }
        }
        return pairs
    }

    /// Whether a file of a certificate directory holds a chain: `<name>.crt`, not hidden.
    static func isCertificate(_ file: String) -> Bool { file.hasSuffix(".crt") && !file.hasPrefix(".") }

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
}
