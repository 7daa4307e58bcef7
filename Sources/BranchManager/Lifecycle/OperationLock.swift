import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Who works on a branch: one operation at a time over all processes, and copies of it beside each other.
///
/// An advisory lock of a file (flock(2)): the kernel releases it when its process is gone, however
/// that came about, which is how recovery tells what was left behind from what goes on.
final class OperationLock: Sendable {
    enum Mode {
        /// For an operation on the branch.
        case exclusive
        /// For reading its data, while no operation is under way.
        case shared
    }

    private let descriptor: Int32

    /// For a recovery's look at what has just ended, in tries 20 ms apart: a second.
    private static let tries = 50

    /// - Throws: ``BranchError/busy(_:)`` when another has it, and keeps it for longer than a look takes.
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

    /// - Throws: ``BranchError/busy(_:)`` when another has it.
    init(_ targetID: String, _ mode: Mode, in directory: String) throws(BranchError) {
        let path = "\(directory)/\(targetID).lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .store("cannot open \(path): \(String(cString: strerror(errno)))") }
        let operation = mode == .exclusive ? LOCK_EX : LOCK_SH
        // What this throws from here on ends in `deinit`, which closes it.
        guard flock(descriptor, operation | LOCK_NB) == 0 else {
            throw .busy("another operation is running on this branch; try again when it is done")
        }
    }

    deinit {
        // A process that is being started may have the descriptor too, until it runs its program.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Removes the file of a branch that is gone.
    static func forget(_ targetID: String, in directory: String) {
        unlink("\(directory)/\(targetID).lock")
    }
}
