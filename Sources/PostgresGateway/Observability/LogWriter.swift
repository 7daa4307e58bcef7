import Dispatch
package import Foundation
import Synchronization

/// Writes lines to a file descriptor on a thread of its own, in order.
///
/// An event loop never waits for the reader of the log. When the reader is slow, lines wait in
/// memory, a bounded number of them; those beyond are dropped and counted, and the log says so.
package final class LogWriter: Sendable {
    package static let standardError = LogWriter(.standardError)

    /// Lines that may wait to be written.
    package static let maximumPending = 10_000

    private struct State {
        var pending = 0
        var dropped = 0
    }

    private let file: FileHandle
    private let queue = DispatchQueue(label: "log")
    private let state = Mutex(State())

    package init(_ file: FileHandle) {
        self.file = file
    }

    /// - Parameters:
    ///   - line: with its line end. One `write` a line, so that those of several processes do not mix.
    ///   - notice: the line that reports how many were dropped.
    package func write(_ line: String, whenDropped notice: @escaping @Sendable (Int) -> String) {
        let isAdmitted = state.withLock { state in
            guard state.pending < Self.maximumPending else {
                state.dropped += 1
                return false
            }
            state.pending += 1
            return true
        }
        guard isAdmitted else { return }
        queue.async { [self] in
            put(line)
            let dropped = state.withLock { state in
                state.pending -= 1
                defer { state.dropped = 0 }
                return state.dropped
            }
            if dropped > 0 { put(notice(dropped)) }
        }
    }

    /// Waits until all that was written before is out, for at most `limit`.
    package func flush(within limit: DispatchTimeInterval = .seconds(2)) {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + limit)
    }

    private func put(_ line: String) {
        // A closed log or a full disk must not end the sessions.
        try? file.write(contentsOf: Data(line.utf8))
    }
}
