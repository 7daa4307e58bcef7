import CAccount
import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The owner of files.
struct FileOwner: Hashable, Sendable {
    var uid: uid_t
    var gid: gid_t
}

/// A dedicated thread for blocking file work, which must run neither on an event loop nor on the few shared threads of
/// tasks.
package enum FileThread {
    /// Runs `body` on a temporary thread, as this process's user.
    ///
    /// - Throws: the errors of `body`.
    package static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(BranchError) -> Value
    ) async throws(BranchError) -> Value {
        try await run(as: nil, body)
    }

    /// Runs `body` on a temporary thread.
    ///
    /// - Parameter owner: the user for file access, without root's rights and supplementary groups; nil for this
    ///   process's user.
    /// - Throws: the errors of `body`, and ``BranchError/runtime(_:)`` if the kernel does not allow to become `owner`.
    static func run<Value: Sendable>(
        as owner: FileOwner?,
        _ body: @escaping @Sendable () throws(BranchError) -> Value
    ) async throws(BranchError) -> Value {
        let result: Result<Value, BranchError> = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    returning: Result { () throws(BranchError) in
                        if let owner, frost_reach_files_as(owner.uid, owner.gid) != 0 {
                            throw .runtime(
                                "cannot access files as the user \(owner.uid): \(String(cString: strerror(errno))); "
                                    + "frost needs CAP_SETUID and CAP_SETGID to run servers as another user"
                            )
                        }
                        return try body()
                    }
                )
            }
        }
        return try result.get()
    }
}
