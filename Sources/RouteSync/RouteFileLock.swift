#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A process cannot write a route map, because another one does.
package struct RouteFileLockError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    /// Whether another `frost sync` writes the same route map: retries are useless until it ends.
    package let isKept: Bool

    init(description: String, isKept: Bool = false) {
        self.description = description
        self.isKept = isKept
    }
}

/// Lets one process at a time read the routes and write the route map, so that the last writer has the latest routes.
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

/// Lets one `frost sync` at a time write a route map and its names, since it caches what it wrote.
struct SyncLock {
    private let lock: FileLock

    /// - Throws: ``RouteFileLockError`` when another process holds it.
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

/// A lock on a file, until it is deallocated or the process ends.
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
        // A child that is being started holds the descriptor too, until it runs its program.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
