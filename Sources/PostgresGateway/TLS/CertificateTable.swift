package import GatewayContract
package import NIOSSL
package import RouteMap

/// An immutable set of certificates, selected by server name and replaced as a whole.
package struct CertificateTable: Sendable {
    /// By hostname, or `*.` and one.
    private let named: [String: CertificatePair]
    private let fallback: CertificatePair

    /// All pairs, each once.
    package var pairs: [CertificatePair] { entries.map(\.pair) }

    /// All pairs, each once, with the name that the file has; nil for the pair for all other names.
    package var entries: [(name: String?, pair: CertificatePair)] {
        let isFallbackNamed = named.values.contains { $0.certFile == fallback.certFile }
        return named.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } + (isFallbackNamed ? [] : [(nil, fallback)])
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
            let pair = try CertificatePair.load(.init(certFile: certFile, keyFile: keyFile))
            return CertificateTable(named: [:], fallback: pair)
        case .directory(let directory, let pair):
            let named = try loadDirectory(directory, keeping: previous?.named ?? [:], faults: &faults)
            if let pair {
                do {
                    let fallback = try CertificatePair.load(.init(certFile: pair.certFile, keyFile: pair.keyFile))
                    return CertificateTable(named: named, fallback: fallback)
                } catch {
                    guard let fallback = previous?.fallback else { throw error }
                    faults.append(error)
                    return CertificateTable(named: named, fallback: fallback)
                }
            }
            // Without a pair of its own, a client with no or another name gets the first in order
            // of name, so that it can receive an error inside TLS.
            guard let first = named.min(by: { $0.key < $1.key })?.value else {
                throw faults.first
                    ?? ConfigurationError(.certDir, "\(directory) contains no <name>.crt with a matching <name>.key")
            }
            return CertificateTable(named: named, fallback: first)
        }
    }

    /// The context for a server name as a client sent it; see ``pair(for:)``.
    package func context(serverName: String?) -> NIOSSLContext {
        pair(for: serverName.flatMap { try? Hostname($0) }).context
    }

    /// The pair that a client is shown: that of the very name it asks for, else the wildcard of one label (RFC 9525
    /// section 6.3), else the default pair.
    package func pair(for hostname: Hostname?) -> CertificatePair {
        guard !named.isEmpty, let name = hostname?.name else { return fallback }
        if let exact = named[name] { return exact }
        guard let dot = name.firstIndex(of: ".") else { return fallback }
        return named["*" + name[dot...]] ?? fallback
    }

    /// Whether a client that verifies names is content with the pair that it is shown for this one.
    package func covers(_ hostname: Hostname) -> Bool { pair(for: hostname).covers(hostname) }

    /// The hostnames of a route map, those of stopped branches included, that no certificate covers.
    package func uncovered(in routes: RouteTable) -> SessionsDocument.Uncovered {
        let hostnames = routes.listedRoutes.map(\.hostname) + routes.listedStopped.map(\.hostname)
        let uncovered = hostnames.filter { !covers($0) }.map(\.name)
        return .init(count: uncovered.count, first: Array(uncovered.sorted().prefix(SessionsDocument.Uncovered.most)))
    }

    /// Pairs whose file has a name that is not in the certificate.
    package var misnamed: [(name: String, pair: CertificatePair)] {
        named.filter { !$0.value.covers(name: $0.key) }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private static func loadDirectory(
        _ directory: String,
        keeping previous: [String: CertificatePair],
        faults: inout [ConfigurationError]
    ) throws(ConfigurationError) -> [String: CertificatePair] {
        var pairs: [String: CertificatePair] = [:]
        var sources: [String: CertificatePair.Source] = [:]
        for entry in try CertificateDirectory.entries(directory) {
            do throws(ConfigurationError) {
                let name = try CertificateDirectory.name(of: entry)
                if let first = sources[name] {
                    throw ConfigurationError(
                        .certDir,
                        file: entry.source.certFile,
                        "is for \(name), but \(first.certFile) already serves that name; remove one of them"
                    )
                }
                sources[name] = entry.source
                pairs[name] = previous[name]
                pairs[name] = try CertificatePair.load(entry.source)
            } catch {
                faults.append(error)
            }
        }
        return pairs
    }
}
