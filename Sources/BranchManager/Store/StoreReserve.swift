import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A file that reserves disk space for the operations that free more: stop and delete.
///
/// It is released when the disk is full, recreated from the remaining space at the end of the process that released it,
/// and restored to full size when there is space.
final class StoreReserve: Sendable {
    /// In bytes: some hundred transactions of the store, and its route map.
    private static let size = 1_024 * 1_024
    /// Free space needed to create it, in bytes.
    private static let spare = 16 * 1_024 * 1_024
    /// A disk with less free space is full, in bytes: a first transaction takes 32 KiB for the index of the log.
    private static let least = 256 * 1_024

    private let path: String
    private let directory: String
    private let isReleased = Atomic(false)

    init(directory: String) {
        self.directory = directory
        path = "\(directory)/frost.reserve"
    }

    var isDiskFull: Bool { room.map { $0 < Self.least } ?? false }

    /// Whether the reserve was released and no space has been freed since: the rest is for operations that free more.
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

    /// Creates it, if it is missing or incomplete and the disk has space.
    func make() {
        var status = stat()
        if stat(path, &status) == 0, status.st_size >= Self.size { return }
        guard let room, room >= Self.spare else { return }
        write(Self.size)
    }

    /// Recreates it from the remaining space, if this process released it.
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
