import NIOPosix
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Runs tasks that access files and the store on their own threads. Swift's pool has only as many threads as the host
/// has cores, so a few that wait for a disk would block everything else.
package final class BlockingWork: TaskExecutor {
    package static let executor = BlockingWork()

    /// The maximum number of threads; more tasks wait.
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
        // The pool is never shut down, so work items are always active.
        pool.submit { _ in
            #if DEBUG
            _ = self.known.withLock { $0.insert(pthread_self()) }
            #endif
            job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
    }
}
