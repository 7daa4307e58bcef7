package import BranchManager

#if canImport(Glibc)
package import Glibc
#elseif canImport(Musl)
package import Musl
#endif

/// Reads and writes small files as a whole. Blocking.
package enum WholeFile {
    /// Limit of a file, in bytes; the gateway reads no larger certificates.
    private static let limit = 1_024 * 1_024

    /// - Returns: nil when there is none.
    /// - Throws: ``BranchError/store(_:)`` with the path of an unreadable file.
    package static func read(_ path: String) throws(BranchError) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("read", path)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure("read", path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .store("\(path) is not a file") }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress?.advanced(by: count), $0.count - count)
            }
            if more < 0, errno == EINTR { continue }
            guard more >= 0 else { throw failure("read", path) }
            if more == 0 { break }
            count += more
        }
        guard count <= limit else { throw .store("\(path) is larger than \(limit) bytes") }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// Replaces a file atomically, flushed to disk before the rename. ``sync(_:)`` flushes its directory.
    ///
    /// - Parameters:
    ///   - mode: independent of the umask.
    ///   - group: nil for the default of a new file.
    /// - Throws: ``BranchError/store(_:)`` that names the file.
    package static func write(
        _ text: String,
        to path: String,
        mode: mode_t,
        group: gid_t? = nil
    ) throws(BranchError) {
        // Hidden, so that a gateway that reads the directory meanwhile ignores it.
        let (directory, name) = split(path)
        let temporary = "\(directory)/.\(name).new"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("write", temporary) }
        defer { close(file) }
        do throws(BranchError) {
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw failure("write", temporary) }
                rest = rest.dropFirst(count)
            }
            if let group, fchown(file, uid_t.max, group) != 0 { throw failure("give away", temporary) }
            guard fchmod(file, mode) == 0, fsync(file) == 0, rename(temporary, path) == 0 else {
                throw failure("write", path)
            }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Flushes the names of a directory to disk.
    ///
    /// - Throws: ``BranchError/store(_:)``.
    package static func sync(_ directory: String) throws(BranchError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("sync", directory) }
    }

    static func failure(_ what: String, _ path: String) -> BranchError {
        .store("cannot \(what) \(path): \(String(cString: strerror(errno)))")
    }

    static func split(_ path: String) -> (directory: Substring, name: Substring) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path[...]) }
        return (slash == path.startIndex ? "" : path[..<slash], path[path.index(after: slash)...])
    }
}
