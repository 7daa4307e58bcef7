import Foundation

/// Runs every piece of a task on a thread of its own.
///
/// Tests that read sockets block. The threads of Swift's concurrency are as few as the cores, so two
/// such tests, each waiting for something that a third is to do, would wait for ever.
package final class BlockingExecutor: TaskExecutor {
    private static let shared = BlockingExecutor()

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }

    /// Runs `body`, and what it starts with `async let` and in groups, where blocking is allowed.
    package static func run<Value: Sendable>(_ body: () async throws -> Value) async rethrows -> Value {
        try await withTaskExecutorPreference(shared) { try await body() }
    }
}
