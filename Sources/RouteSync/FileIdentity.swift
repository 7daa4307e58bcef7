import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Which file is at a path, and when it was last written: another value means another content.
struct FileIdentity: Equatable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    private let seconds: Int
    private let nanoseconds: Int

    /// nil when there is none.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }

    /// Whether it was written so long ago that a write from now on gives it another time. The clock of files moves in
    /// steps of up to 10 ms; one that is on another machine may differ by more.
    func isSettled(at now: Date) -> Bool {
        let written = TimeInterval(seconds) + TimeInterval(nanoseconds) / 1e9
        return now.timeIntervalSince1970 - written > 1
    }
}

/// The files in which SQLite keeps a database: with either another, it may say something else.
struct DatabaseIdentity: Equatable {
    private let database: FileIdentity?
    private let log: FileIdentity?

    init(_ path: String) {
        database = FileIdentity(path)
        log = FileIdentity("\(path)-wal")
    }

    func isSettled(at now: Date) -> Bool {
        database?.isSettled(at: now) ?? true && log?.isSettled(at: now) ?? true
    }
}
