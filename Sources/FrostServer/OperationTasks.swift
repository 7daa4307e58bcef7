import BranchManager
import Synchronization

/// Operations that run in the background. The program waits for them before it ends.
final class OperationTasks: Sendable {
    private struct State {
        var running = 0
        var isClosed = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Runs an operation in the background.
    ///
    /// - Returns: false when no more operations are accepted.
    func run(_ body: @escaping @Sendable () async -> Void) -> Bool {
        let isOpen = state.withLock { state in
            if !state.isClosed { state.running += 1 }
            return !state.isClosed
        }
        guard isOpen else { return false }
        Task(executorPreference: BlockingWork.executor) {
            await body()
            let waiting = self.state.withLock { state in
                state.running -= 1
                guard state.running == 0 else { return nil as CheckedContinuation<Void, Never>? }
                defer { state.waiting = nil }
                return state.waiting
            }
            waiting?.resume()
        }
        return true
    }

    /// Accepts no more operations, and returns when the running ones have ended.
    func finish() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                state.isClosed = true
                if state.running > 0 { state.waiting = continuation }
                return state.running == 0
            }
            if isDone { continuation.resume() }
        }
    }
}
