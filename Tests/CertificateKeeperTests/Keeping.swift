import CertificateKeeper
import Foundation
import Synchronization
import TestSupport

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A data directory with a keeper.
final class Keeping: Sendable {
    let directory: TemporaryDirectory
    let place: CertificatePlace
    let keeper: CertificateKeeper
    private let sentences: Sentences

    private final class Sentences: Sendable {
        let all = Mutex<[String]>([])
    }

    init(group: gid_t? = nil) throws {
        directory = try TemporaryDirectory("keeper")
        place = CertificatePlace(dataDirectory: directory.path, group: group)
        let sentences = Sentences()
        self.sentences = sentences
        keeper = CertificateKeeper(place) { text in sentences.all.withLock { $0.append(text) } }
    }

    var told: [String] { sentences.all.withLock { $0 } }

    /// As the next process has it.
    func again() -> CertificateKeeper {
        CertificateKeeper(place) { [sentences] text in sentences.all.withLock { $0.append(text) } }
    }

    func mode(_ path: String) -> mode_t? {
        var found = stat()
        return stat(path, &found) == 0 ? found.st_mode & 0o7777 : nil
    }

    func read(_ name: String) throws -> String {
        try String(contentsOfFile: "\(place.pairs)/\(name)", encoding: .utf8)
    }

    /// All files with what is in them.
    func files() -> [String: String] {
        var files: [String: String] = [:]
        for case let name as String in FileManager.default.enumerator(atPath: directory.path) ?? .init() {
            files[name] = (try? String(contentsOfFile: directory.file(name), encoding: .utf8)) ?? ""
        }
        return files
    }

    /// What is in the directory of pairs.
    var names: Set<String> { Set((try? FileManager.default.contentsOfDirectory(atPath: place.pairs)) ?? []) }
}
