#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What stops a process from writing a route map: another does.
package struct RouteFileLockError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    /// Whether another `frost sync` keeps the same route map: one that tries again has nothing to do until that ends.
    package let isKept: Bool

    init(description: String, isKept: Bool = false) {
        self.description = description
        self.isKept = isKept
    }
}

/// That one process at a time reads what routes there are and writes the route map: the last to write has
/// read the latest.
enum RouteFileLock {
    /// Tries, 20 ms apart: two seconds.
    private static let tries = 100

    /// - Throws: ``RouteFileLockError`` that names the lock, what `body` throws, `CancellationError` while it waits.
    static func with<Value>(
        _ routeFile: String,
        isolation: isolated (any Actor)? = #isolation,
        _ body: () throws -> Value
    ) async throws -> Value {
        let path = "\(routeFile).lock"
        let lock = try FileLock(path)
        // Never block: the holder may be stopped, and callers wait for a bounded time only.
        var tries = 0
        while !lock.take() {
            tries += 1
            guard tries < Self.tries else {
                throw RouteFileLockError(
                    description:
                        "another process has locked \(path); another frost may be writing the same route file. "
                        + "Use separate files, or end one"
                )
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        return try withExtendedLifetime(lock) { try body() }
    }
}

/// That one `frost sync` at a time keeps a route map and its names: it remembers what it wrote.
struct SyncLock {
    private let lock: FileLock

    /// - Throws: ``RouteFileLockError`` when another has it.
    init(_ routeFile: String) throws {
        lock = try FileLock("\(routeFile).sync.lock")
        guard lock.take() else {
            throw RouteFileLockError(
                description: "another frost sync writes \(routeFile); use separate files, or end one",
                isKept: true
            )
        }
    }
}

/// A lock on a file, until nobody refers to it or the process ends.
private final class FileLock {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw RouteFileLockError(description: "cannot open \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Whether it was free.
    func take() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

    deinit {
        // A child that is just being started has the descriptor as well, until it runs its program.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
