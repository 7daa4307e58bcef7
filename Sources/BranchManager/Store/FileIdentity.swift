package import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Which file it is, and when it was last changed: another value means that it may have another content.
package struct FileIdentity: Hashable, Sendable {
    /// Which file it is, whatever is in it.
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
    /// Of its content, mode or owner (`st_ctim`): nobody can set it, as they can the time of the content.
    private let seconds: Int
    private let nanoseconds: Int

    /// Of what is at a path, at the end of all links; nil when there is nothing.
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
