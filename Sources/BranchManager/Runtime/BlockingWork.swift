import NIOPosix

/// Where tasks run that read and write files and the store: on threads of their own. Swift's pool has as many threads as
/// the host has cores, and nothing else would go on beside a few that wait for a disk.
package final class BlockingWork: TaskExecutor {
    package static let executor = BlockingWork()

    /// As many may wait for a disk at a time; the next waits for one of them.
    private static let threads = 12

    private let pool = NIOThreadPool(numberOfThreads: threads)

    private init() { pool.start() }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // The pool is never shut down: the state of its item is always active.
        pool.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
