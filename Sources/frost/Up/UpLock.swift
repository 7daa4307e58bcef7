import BranchManager
import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Ensures that one `frost up` at a time runs on a data directory. The kernel releases the lock with the process.
final class UpLock: Sendable {
    private let descriptor: Int32

    /// - Throws: ``BranchError/busy(_:)`` when another process holds it, and the errors of
    ///   ``BranchStore/checkFile(in:)``, before anything is created in the directory.
    init(_ directory: String) throws(BranchError) {
        try BranchStore.checkFile(in: directory)
        let path = "\(directory)/up.lock"
        try? FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: FrostContext.directoryMode]
        )
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .store(
                "cannot open \(path): \(String(cString: strerror(errno))); choose another directory with --data-dir"
            )
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            // `deinit` closes it.
            let other = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            throw .busy("another frost up (process \(other)) is running on \(directory); stop it first")
        }
        ftruncate(descriptor, 0)
        let number = Array(String(getpid()).utf8)
        _ = write(descriptor, number, number.count)
    }

    /// Whether a `frost up` runs on a data directory. Takes no lock, which would fail a `frost up` that starts
    /// meanwhile.
    static func isHeld(in directory: String) -> Bool {
        guard let text = try? String(contentsOfFile: "\(directory)/up.lock", encoding: .utf8), let pid = Int32(text),
            pid > 1, pid != getpid(), !ProcessRecord.hasEnded(pid)
        else { return false }
        let program = { (process: String) in
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/exe"))
                // An update leaves ` (deleted)` behind the name.
                .flatMap { ($0 as NSString).lastPathComponent.split(separator: " ").first }
        }
        // For processes of another account, only the number is visible.
        guard let other = program(String(pid)) else { return true }
        return other == program("self")
    }

    deinit {
        // A child that is being started may hold the descriptor too, until it runs its program.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
