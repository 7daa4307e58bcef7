#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Identifies a file and its content, to detect that it was replaced or changed.
///
/// Symbolic links are followed: certificate tools exchange the link.
struct FileFingerprint: Hashable, Sendable {
    private struct Status: Hashable, Sendable {
        var device: UInt
        var inode: UInt
        var size: Int
        var modified: [Int]
        var changed: [Int]
    }

    private var status: Status?

    /// Of a file that may be missing.
    init(path: String) {
        var found = stat()
        guard stat(path, &found) == 0 else { return }
        status = Status(
            device: UInt(found.st_dev),
            inode: UInt(found.st_ino),
            size: Int(found.st_size),
            modified: [found.st_mtim.tv_sec, found.st_mtim.tv_nsec],
            changed: [found.st_ctim.tv_sec, found.st_ctim.tv_nsec]
        )
    }
}
