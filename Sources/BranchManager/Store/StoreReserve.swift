import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A file that keeps room on the store's disk for the operations that free more of it: stop and delete.
///
/// It is let go when the disk is full, made again of what is left at the end of the process that let it go, and made
/// whole when there is room.
final class StoreReserve: Sendable {
    /// In bytes: some hundred transactions of the store, and its route map.
    private static let size = 1_024 * 1_024
    /// It is made while there is so much room, in bytes.
    private static let spare = 16 * 1_024 * 1_024
    /// With less room than that a disk is full, in bytes: a first transaction takes 32 KiB for the index of the log.
    private static let least = 256 * 1_024

    private let path: String
    private let directory: String
    private let isReleased = Atomic(false)

    init(directory: String) {
        self.directory = directory
        path = "\(directory)/frost.reserve"
    }

    var isDiskFull: Bool { room.map { $0 < Self.least } ?? false }

    /// Whether the room that was kept has been let go and nothing has come free since: what is left is for those who
    /// free more.
    var isUsedUp: Bool {
        var status = stat()
        return stat(path, &status) != 0 && room.map { $0 < 2 * Self.size } ?? false
    }

    /// In bytes; nil if unknown.
    private var room: Int? {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return nil }
        let blocks = geteuid() == 0 ? status.f_bfree : status.f_bavail
        return Int(clamping: UInt64(blocks).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    }

    /// Makes it, if it is not there as a whole and the disk has room.
    func make() {
        var status = stat()
        if stat(path, &status) == 0, status.st_size >= Self.size { return }
        guard let room, room >= Self.spare else { return }
        write(Self.size)
    }

    /// Makes it again of what is left, when this process has let it go.
    func restore() {
        guard isReleased.exchange(false, ordering: .relaxed), let room, room >= 2 * Self.least else { return }
        write(min(Self.size, room - Self.least / 4))
    }

    private func write(_ size: Int) {
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        if posix_fallocate(descriptor, 0, off_t(size)) != 0 { unlink(path) }
        close(descriptor)
    }

    /// - Returns: whether there was one.
    @discardableResult
    func release() -> Bool {
        guard unlink(path) == 0 else { return false }
        isReleased.store(true, ordering: .relaxed)
        return true
    }
}
