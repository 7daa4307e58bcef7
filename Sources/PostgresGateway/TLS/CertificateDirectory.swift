import Foundation
import GatewayContract
import RouteMap

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Which pairs a certificate directory has. Blocking.
enum CertificateDirectory {
    /// One pair, or what would be one.
    struct Entry: Hashable {
        /// The file's name without its ending, which says for which server name it is.
        var stem: String
        var source: CertificatePair.Source
    }

    private static let ending = ".crt"

    /// `<name>.crt`, and one directory deeper `<name>/<name>.crt`, as Caddy keeps them; hidden ones are left out. In
    /// order of name, those of the directory itself first.
    ///
    /// - Throws: ``ConfigurationError`` that names the directory.
    static func entries(_ directory: String) throws(ConfigurationError) -> [Entry] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory).filter { !$0.hasPrefix(".") }
                .sorted()
        } catch {
            throw ConfigurationError(.certDir, "\(directory) cannot be read: \(error.localizedDescription)")
        }
        let own = names.filter { $0.hasSuffix(ending) }.map { name in
            let stem = String(name.dropLast(ending.count))
            return Entry(stem: stem, source: .init(inDirectory: "\(directory)/\(stem)"))
        }
        let deeper = names.filter { !$0.hasSuffix(ending) && !$0.hasSuffix(".key") }.compactMap { name -> Entry? in
            let source = CertificatePair.Source(inDirectory: "\(directory)/\(name)/\(name)")
            return exists(source.certFile, of: name) ? Entry(stem: name, source: source) : nil
        }
        return own + deeper
    }

    /// Whether a file is there. One in a directory that may not be searched counts where the directory has the name of
    /// a host: certificate tools keep their directories to themselves, and the operator has to hear of it.
    private static func exists(_ path: String, of name: String) -> Bool {
        var found = stat()
        if stat(path, &found) == 0 { return true }
        return errno == EACCES && name.contains(".")
    }

    /// The server name that a file is for. A wildcard may be written `*.` or, as certificate tools
    /// do for file names, `wildcard_.` or `_wildcard.`.
    static func name(of entry: Entry) throws(ConfigurationError) -> String {
        for prefix in ["*.", "wildcard_.", "_wildcard."] where entry.stem.hasPrefix(prefix) {
            return "*." + (try hostname(entry.stem.dropFirst(prefix.count), of: entry))
        }
        return try hostname(entry.stem[...], of: entry)
    }

    private static func hostname(_ text: Substring, of entry: Entry) throws(ConfigurationError) -> String {
        do {
            return try Hostname(text).name
        } catch {
            throw ConfigurationError(
                .certDir,
                file: entry.source.certFile,
                "must be named after a hostname, but its name \(error)"
            )
        }
    }
}
