import NIOPosix
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Where tasks run that read and write files and the store: on threads of their own. Swift's pool has as many threads as
/// the host has cores, and nothing else would go on beside a few that wait for a disk.
package final class BlockingWork: TaskExecutor {
    package static let executor = BlockingWork()

    /// As many may wait for a disk at a time; the next waits for one of them.
    private static let threads = 12

    private let pool = NIOThreadPool(numberOfThreads: threads)

    #if DEBUG
    private let known = Mutex<Set<pthread_t>>([])

    /// Whether this is one of its threads. In debug builds only.
    package var isCurrent: Bool { known.withLock { $0.contains(pthread_self()) } }
    #endif

    private init() { pool.start() }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // The pool is never shut down: the state of its item is always active.
        pool.submit { _ in
            #if DEBUG
            _ = self.known.withLock { $0.insert(pthread_self()) }
            #endif
            job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
    }
}
