#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Flushes the names in a directory to disk.
enum DirectorySync {
    /// - Throws: ``BranchError/runtime(_:)``.
    static func sync(_ path: String) throws(BranchError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("fsync", path) }
    }

    private static func failure(_ what: String, _ path: String) -> BranchError {
        .runtime("cannot \(what) \(path): \(String(cString: strerror(errno)))")
    }
}
