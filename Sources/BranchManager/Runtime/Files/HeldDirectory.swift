#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A directory that is held open. Its entries are accessed by its descriptor and a name without a slash, and no
/// symbolic link is followed: the owner may move the directory, and swap its entries, during our work.
///
/// Every call blocks: only on a ``FileThread``. All throw ``BranchError/runtime(_:)`` with path and reason.
final class HeldDirectory: Sendable {
    /// The type of an entry.
    enum Kind: Hashable, Sendable {
        case file
        case directory
        /// A symbolic link, a pipe, a device, a socket.
        case other
    }

    let descriptor: Int32
    /// For messages.
    let path: String

    private init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// - Parameter path: whose parent directories belong to this process's user or to root.
    /// - Returns: nil if it does not exist.
    static func open(_ path: String) throws(BranchError) -> HeldDirectory? {
        try open(path, in: AT_FDCWD, path: path)
    }

    /// - Returns: nil if it does not exist.
    func directory(_ name: String) throws(BranchError) -> HeldDirectory? {
        try Self.open(name, in: descriptor, path: "\(path)/\(name)")
    }

    private static func open(_ name: String, in descriptor: Int32, path: String) throws(BranchError) -> HeldDirectory? {
        let opened = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else {
            if errno == ENOENT { return nil }
            if errno == ELOOP || errno == ENOTDIR { throw .runtime("\(path) is not a directory") }
            throw failure("open", path)
        }
        return HeldDirectory(descriptor: opened, path: path)
    }

    /// Takes over a directory opened by `TreeRemoval`.
    convenience init(opened descriptor: Int32, in parent: HeldDirectory) {
        self.init(descriptor: descriptor, path: parent.path)
    }

    /// nil if nothing has this name.
    func kind(_ name: String) throws(BranchError) -> Kind? {
        var status = stat()
        guard fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return nil }
            throw Self.failure("look at", "\(path)/\(name)")
        }
        return switch status.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        default: .other
        }
    }

    /// The size of a regular file, in bytes; 0 for anything else.
    func size(_ name: String) -> UInt64 {
        var status = stat()
        guard fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return 0
        }
        return UInt64(status.st_size)
    }

    /// Reads the end of a file.
    ///
    /// - Parameters:
    ///   - start: where to start, in bytes.
    ///   - limit: the maximum number of bytes, from the end.
    /// - Returns: nil if there is no such file, or it is not a regular file of `owner`, but a link to another's file, a
    ///   pipe that never ends, or a hard link to another's file.
    func end(of name: String, from start: UInt64 = 0, atMost limit: UInt64, owner: uid_t) throws(BranchError)
        -> [UInt8]?
    {
        let file = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard file >= 0 else {
            // ELOOP for a link, ENXIO for a socket or a device without a driver.
            if [ENOENT, ELOOP, ENXIO, ENOTDIR].contains(errno) { return nil }
            throw Self.failure("read", "\(path)/\(name)")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == owner else { return nil }
        let size = UInt64(max(0, status.st_size))
        var offset = max(min(start, size), size > limit ? size - limit : 0)
        var bytes = [UInt8](repeating: 0, count: Int(min(limit, size - offset)))
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes { buffer in
                pread(file, buffer.baseAddress?.advanced(by: count), buffer.count - count, off_t(offset))
            }
            if more < 0, errno == EINTR { continue }
            guard more >= 0 else { throw Self.failure("read", "\(path)/\(name)") }
            if more == 0 { break }
            count += more
            offset += UInt64(more)
        }
        return Array(bytes.prefix(count))
    }

    /// Creates a file that only its owner can read, replacing one of this name.
    func write(_ text: String, to name: String) throws(BranchError) {
        try removeFile(name)
        let file = openat(descriptor, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.failure("write", "\(path)/\(name)") }
        defer { close(file) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("write", "\(path)/\(name)") }
            rest = rest.dropFirst(count)
        }
    }

    /// Does nothing if it does not exist.
    func removeFile(_ name: String) throws(BranchError) {
        guard unlinkat(descriptor, name, 0) == 0 || errno == ENOENT else {
            throw Self.failure("remove", "\(path)/\(name)")
        }
    }

    /// Both names are in this directory.
    func rename(_ name: String, to new: String) throws(BranchError) {
        guard renameat(descriptor, name, descriptor, new) == 0 else {
            throw Self.failure("rename to \(new)", "\(path)/\(name)")
        }
    }

    /// Flushes its names to disk.
    func sync() throws(BranchError) {
        guard fsync(descriptor) == 0 else { throw Self.failure("fsync", path) }
    }

    /// Its names as raw bytes with a final NUL, since a name need not be text.
    ///
    /// - Parameter limit: the maximum number of names.
    func names(atMost limit: Int = .max) throws(BranchError) -> [[CChar]] {
        let own = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0 else { throw Self.failure("list", path) }
        guard let stream = fdopendir(own) else {
            close(own)
            throw Self.failure("list", path)
        }
        defer { closedir(stream) }
        var names: [[CChar]] = []
        while names.count < limit {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw Self.failure("list", path) }
                break
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { text in
                    Array(UnsafeBufferPointer(start: text, count: strlen(text) + 1))
                }
            }
            let dot = CChar(bitPattern: UInt8(ascii: "."))
            if name != [dot, 0], name != [dot, dot, 0] { names.append(name) }
        }
        return names
    }

    static func failure(_ what: String, _ path: String) -> BranchError {
        .runtime("cannot \(what) \(path): \(String(cString: strerror(errno)))")
    }
}
