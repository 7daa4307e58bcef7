package import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The identity of a file and its last change: a different value means that the content may differ.
package struct FileIdentity: Hashable, Sendable {
    /// The identity of the file, regardless of its content.
    package struct Place: Hashable, Sendable {
        private let device: UInt64
        private let inode: UInt64

        fileprivate init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
        }
    }

    package let place: Place
    private let size: Int64
    /// Change of content, mode or owner (`st_ctim`), which cannot be set by users, unlike the modification time.
    private let seconds: Int
    private let nanoseconds: Int

    /// Of the file at a path, following links; nil if there is none.
    package init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    /// Of a file that is open; nil when the kernel does not tell.
    package init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        place = Place(status)
        size = Int64(status.st_size)
        seconds = status.st_ctim.tv_sec
        nanoseconds = status.st_ctim.tv_nsec
    }

    /// Whether it was changed so long ago that a write from now on gives it another time. The clock of files moves in
    /// steps of up to 10 ms; one that is on another machine may differ by more.
    package func isSettled(at now: Date) -> Bool {
        let changed = TimeInterval(seconds) + TimeInterval(nanoseconds) / 1e9
        return now.timeIntervalSince1970 - changed > 1
    }
}
