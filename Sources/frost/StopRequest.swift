import BranchManager
import Synchronization
import UnixSignals

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Ctrl-C and similar signals. The first requests a stop, and running work is brought to an end; each further one is
/// passed on to the work that is still running; the last ends the process like a crash, from which the next start
/// recovers.
final class StopRequest: Sendable {
    private struct State {
        var count = 0
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        var lastWaiter = 0
        var again: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// The number of the signal that ends the process at once.
    private let last: Int
    /// Printed on standard error after the first signal.
    private let answer: String?

    /// The command that finishes or undoes interrupted operations.
    private let recovery: String

    private init(last: Int, answer: String?, recovery: String) {
        self.last = last
        self.answer = answer
        self.recovery = recovery
    }

    /// For a command with one operation: cancels a copy, and finishes anything else.
    static func finishWhatWasBegun(_ hint: CommandHint) async -> StopRequest {
        await listen(
            last: 2,
            answer: "cancelling the copy, or finishing the current operation; press Ctrl-C again to end at once "
                + "(\(hint.command("recover")) then finishes or undoes it)",
            hint
        )
    }

    /// Listens for the rest of the process.
    ///
    /// - Parameter hint: for commands in messages.
    static func listen(last: Int = 3, answer: String? = nil, _ hint: CommandHint) async -> StopRequest {
        let request = StopRequest(last: last, answer: answer, recovery: hint.command("recover"))
        // A closed terminal sends SIGHUP, unless nohup(1) has it ignored.
        var hangUp = sigaction()
        sigaction(SIGHUP, nil, &hangUp)
        let isIgnored = unsafeBitCast(hangUp.__sigaction_handler.sa_handler, to: Int.self) == 1
        let signals =
            isIgnored
            ? await UnixSignalsSequence(trapping: .sigint, .sigterm)
            : await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        Task {
            for await _ in signals { request.receive() }
        }
        return request
    }

    var isMade: Bool { state.withLock { $0.count > 0 } }

    /// Returns when a stop was requested, or the task is cancelled.
    func wait() async {
        let waiter = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    let isOver = state.count > 0 || Task.isCancelled
                    if !isOver { state.waiting[waiter] = continuation }
                    return isOver
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: waiter) }?.resume()
        }
    }

    /// Sets the action of further signals.
    func onFurther(_ action: @escaping @Sendable () -> Void) { state.withLock { $0.again = action } }

    private func receive() {
        let (count, waiting, again) = state.withLock { state in
            state.count += 1
            defer { state.waiting = [:] }
            return (state.count, state.waiting, state.count > 1 ? state.again : nil)
        }
        if count == 1, let answer { ErrorOutput.print(answer) }
        if count >= last {
            ErrorOutput.print("ended at once; the next start, or \(recovery), finishes or undoes the operation")
            // _exit, because running work must not continue beside the cleanup of exit(3).
            _exit(EXIT_FAILURE)
        }
        for continuation in waiting.values { continuation.resume() }
        again?()
    }
}
