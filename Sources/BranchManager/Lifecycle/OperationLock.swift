import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The lock of a branch: one operation at a time over all processes, or several concurrent copies of it.
///
/// An advisory lock of a file (flock(2)): the kernel releases it when its process ends for any reason, so recovery can
/// distinguish interrupted operations from running ones.
final class OperationLock: Sendable {
    enum Mode {
        /// For an operation on the branch.
        case exclusive
        /// For reading its data while no operation is running.
        case shared
    }

    private let descriptor: Int32

    /// How long to wait for a recovery's short check, in tries 20 ms apart: a second.
    private static let tries = 50

    /// - Throws: ``BranchError/busy(_:)`` when another operation holds it for longer than a short check.
    static func take(_ targetID: String, _ mode: Mode, in directory: String) async throws(BranchError) -> OperationLock
    {
        for _ in 1..<tries {
            do throws(BranchError) {
                return try OperationLock(targetID, mode, in: directory)
            } catch .busy {
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
        return try OperationLock(targetID, mode, in: directory)
    }

    /// - Throws: ``BranchError/busy(_:)`` when another operation holds it.
    init(_ targetID: String, _ mode: Mode, in directory: String) throws(BranchError) {
        let path = "\(directory)/\(targetID).lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .store("cannot open \(path): \(String(cString: strerror(errno)))") }
        let operation = mode == .exclusive ? LOCK_EX : LOCK_SH
        // After an error from here on, `deinit` closes it.
        guard flock(descriptor, operation | LOCK_NB) == 0 else {
            throw .busy("another operation is running on this branch; try again when it is done")
        }
    }

    deinit {
        // A child that is being started may hold the descriptor too, until it runs its program.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Removes the file of a deleted branch.
    static func forget(_ targetID: String, in directory: String) {
        unlink("\(directory)/\(targetID).lock")
    }
}
