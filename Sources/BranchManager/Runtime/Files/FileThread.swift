import CAccount
import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// An account that files belong to.
struct FileOwner: Hashable, Sendable {
    var uid: uid_t
    var gid: gid_t
}

/// Where work on files blocks: a thread of its own, neither an event loop's nor one of the few that tasks share.
package enum FileThread {
    /// Runs `body` on a thread that ends with it, as whom this process runs as.
    ///
    /// - Throws: what `body` throws.
    package static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(BranchError) -> Value
    ) async throws(BranchError) -> Value {
        try await run(as: nil, body)
    }

    /// Runs `body` on a thread that ends with it.
    ///
    /// - Parameter owner: as whom files are reached, without root's rights and without supplementary groups; nil for
    ///   whom this process runs as.
    /// - Throws: what `body` throws, and ``BranchError/runtime(_:)`` when the kernel does not let this be `owner`.
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
