import BranchManager
import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The operator's certificates for a gateway that is not root: copies in the data directory, updated when the files
/// change. The gateway watches its files itself.
final class GatewayCertificates: Sendable {
    private enum Source: Sendable {
        case pair(certFile: String, keyFile: String)
        case directory(String)
    }

    private struct State {
        /// By the copy's path; nil for a copy whose source was not checked.
        var copied: [String: FileIdentity?] = [:]
        var fault: String?
    }

    /// Interval of checks of the operator's files if the kernel does not report changes.
    private static let poll = Duration.seconds(5)
    /// The interval if it does: files may be on a network.
    private static let rarePoll = Duration.seconds(60)
    /// Delay after a change: the two files of a pair are written one after the other.
    private static let settleTime = Duration.milliseconds(200)
    /// Limit of a copied file, in bytes; the gateway reads no larger ones.
    private static let limit = 1_024 * 1_024

    private let certDir: String?
    private let sources: [Source]
    private let place: String
    private let account: GatewayAccount
    private let state = Mutex(State())

    /// - Parameters:
    ///   - settings: with the operator's files.
    ///   - directory: frost's data directory; only root and the account can read the copies in it.
    init(_ settings: GatewayChild.Settings, for account: GatewayAccount, in directory: String) {
        place = "\(directory)/gateway"
        self.account = account
        var sources: [Source] = []
        if let certFile = settings.certFile, let keyFile = settings.keyFile {
            sources.append(.pair(certFile: certFile, keyFile: keyFile))
        }
        if let certDir = settings.certDir { sources.append(.directory(certDir)) }
        certDir = settings.certDir == nil ? nil : "\(directory)/gateway/certificates"
        self.sources = sources
    }

    /// - Returns: settings that name the copies.
    func settings(_ given: GatewayChild.Settings) -> GatewayChild.Settings {
        var settings = given
        for source in sources {
            switch source {
            case .pair: (settings.certFile, settings.keyFile) = (pair.certFile, pair.keyFile)
            case .directory: settings.certDir = certDir
            }
        }
        return settings
    }

    private var pair: (certFile: String, keyFile: String) { ("\(place)/pair.crt", "\(place)/pair.key") }

    /// Replaces the paths of copies in a message by those of the operator's files.
    func withOperatorsNames(_ text: String) -> String {
        sources.reduce(text) { text, source in
            switch source {
            case .pair(let certFile, let keyFile):
                text.replacing(pair.certFile, with: certFile).replacing(pair.keyFile, with: keyFile)
            case .directory(let directory): certDir.map { text.replacing($0, with: directory) } ?? text
            }
        }
    }

    /// Copies files that have changed since the last time, and removes copies of deleted ones.
    ///
    /// - Throws: ``BranchError/invalid(_:)`` that names the unreadable file of the operator. Existing copies stay.
    func copy() async throws(BranchError) {
        try await FileThread.run { [self] () throws(BranchError) in
            try makeDirectory(place)
            if let certDir { try makeDirectory(certDir) }
            // Copies of an earlier frost up may be of files deleted since.
            let left = leftovers()
            state.withLock { state in
                for path in left where state.copied[path] == nil { state.copied[path] = .some(nil) }
            }
            var wanted: Set<String> = []
            for (source, target) in try files() {
                wanted.insert(target)
                try copy(source, to: target)
            }
            for gone in state.withLock({ $0.copied.keys.filter { !wanted.contains($0) } }) {
                unlink(gone)
                state.withLock { $0.copied[gone] = nil }
            }
        }
    }

    /// Copies changed files until the task is cancelled.
    func follow() async {
        while !Task.isCancelled {
            let watched = await directories()
            let changes = DirectoryWatch.changes(
                in: Set(watched.keys),
                isWholeFiles: true,
                poll: Self.poll,
                rarePoll: Self.rarePoll
            )
            for await _ in changes {
                try? await Task.sleep(for: Self.settleTime)
                if Task.isCancelled { return }
                await copyAgain()
                // A directory may have been replaced, and new ones may have been added.
                if await directories() != watched { break }
            }
        }
    }

    private func copyAgain() async {
        var fault: String?
        do throws(BranchError) { try await copy() } catch { fault = error.description }
        let isNew = state.withLock { state in
            defer { state.fault = fault }
            return state.fault != fault
        }
        guard isNew else { return }
        ErrorOutput.print(
            fault.map { "\($0); the gateway keeps using its copy" } ?? "the certificates are readable again"
        )
    }

    /// The directories of the operator's files and of their links' targets; for a missing one, its parent.
    private func directories() async -> [String: FileIdentity.Place] {
        let found = try? await FileThread.run { [self] () throws(BranchError) in
            var paths: [String] = []
            for source in sources {
                switch source {
                case .pair(let certFile, let keyFile): paths += [certFile, keyFile].map(Self.parent)
                case .directory(let directory): paths.append(directory)
                }
            }
            // Its subdirectories, and the targets of its links.
            for (file, _) in (try? files()) ?? [] {
                paths.append(Self.parent(file))
                if let real = realpath(file, nil) {
                    paths.append(Self.parent(String(cString: real)))
                    free(real)
                }
            }
            var places: [String: FileIdentity.Place] = [:]
            for path in paths {
                var path = path
                while FileIdentity(path) == nil, path != "/" { path = Self.parent(path) }
                places[path] = FileIdentity(path)?.place
            }
            return places
        }
        return found ?? [:]
    }

    private static func parent(_ path: String) -> String {
        let parent = (path as NSString).deletingLastPathComponent
        return parent.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : parent
    }

    /// The operator's files and their copies.
    private func files() throws(BranchError) -> [(source: String, target: String)] {
        var files: [(String, String)] = []
        for source in sources {
            switch source {
            case .pair(let certFile, let keyFile):
                files += [(certFile, pair.certFile), (keyFile, pair.keyFile)]
            case .directory(let directory):
                guard let certDir else { continue }
                for name in try names(directory) {
                    let path = "\(directory)/\(name)"
                    if Self.isOfPair(name) {
                        files.append((path, "\(certDir)/\(name)"))
                    } else if Self.isDirectory(path) {
                        // Caddy's layout.
                        let below = try names(path).filter(Self.isOfPair)
                        if !below.isEmpty { try makeDirectory("\(certDir)/\(name)") }
                        files += below.map { ("\(path)/\($0)", "\(certDir)/\(name)/\($0)") }
                    }
                }
            }
        }
        return files
    }

    /// All existing copies.
    private func leftovers() -> [String] {
        let files = FileManager.default.enumerator(atPath: place)?.compactMap { $0 as? String } ?? []
        return files.filter(Self.isOfPair).map { "\(place)/\($0)" }
    }

    private static func isOfPair(_ name: String) -> Bool { name.hasSuffix(".crt") || name.hasSuffix(".key") }

    private static func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    private func names(_ directory: String) throws(BranchError) -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: directory) } catch {
            throw .invalid("could not read the certificate directory \(directory): \(error.localizedDescription)")
        }
    }

    private func makeDirectory(_ path: String) throws(BranchError) {
        // Do not rewrite an up-to-date copy: that would wake all watchers of the data directory.
        var found = stat()
        if lstat(path, &found) == 0, found.st_mode & ~S_IFMT == 0o750, found.st_mode & S_IFMT == S_IFDIR,
            found.st_uid == 0, found.st_gid == account.gid
        {
            return
        }
        if mkdir(path, 0o750) != 0, errno != EEXIST { throw Self.failure("make", path) }
        guard chown(path, 0, account.gid) == 0, chmod(path, 0o750) == 0 else { throw Self.failure("give away", path) }
    }

    private func copy(_ source: String, to target: String) throws(BranchError) {
        let file = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw Self.unreadable(source) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw Self.unreadable(source) }
        guard let identity = FileIdentity(descriptor: file) else { throw Self.unreadable(source) }
        if state.withLock({ $0.copied[target] }) == .some(identity) { return }
        var bytes = [UInt8](repeating: 0, count: Self.limit + 1)
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes {
                read(file, $0.baseAddress?.advanced(by: count), $0.count - count)
            }
            if more < 0, errno == EINTR { continue }
            guard more >= 0 else { throw Self.unreadable(source) }
            if more == 0 { break }
            count += more
        }
        guard count <= Self.limit else {
            throw .invalid("the file \(source) is larger than \(Self.limit) bytes; use a PEM file")
        }
        try write(bytes.prefix(count), to: target)
        state.withLock { $0.copied[target] = identity }
    }

    /// Atomically: the gateway never sees half a file.
    private func write(_ bytes: ArraySlice<UInt8>, to target: String) throws(BranchError) {
        let temporary = "\(target).new"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.failure("write", temporary) }
        defer { close(file) }
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("write", temporary) }
            rest = rest.dropFirst(count)
        }
        guard fchown(file, 0, account.gid) == 0, fchmod(file, 0o640) == 0, rename(temporary, target) == 0 else {
            throw Self.failure("write", target)
        }
    }

    private static func unreadable(_ path: String) -> BranchError {
        .invalid(
            "could not read the file \(path): \(errno == 0 ? "it is not a file" : String(cString: strerror(errno)))"
        )
    }

    private static func failure(_ what: String, _ path: String) -> BranchError {
        .store("cannot \(what) \(path): \(String(cString: strerror(errno)))")
    }
}
