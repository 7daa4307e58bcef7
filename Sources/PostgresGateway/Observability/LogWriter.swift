import Dispatch
package import Foundation
import Synchronization

/// Writes lines to a file descriptor on a thread of its own, in order.
///
/// An event loop never waits for the reader of the log. When the reader is slow, lines wait in
/// memory, a bounded number of them; those beyond are dropped and counted, and the log says so.
///
/// A line that comes alone is written at once. Those that come within ``pause`` of it are written together after it: a
/// thread that is woken for every line costs a busy gateway more than the lines do.
package final class LogWriter: Sendable {
    package static let standardError = LogWriter(.standardError)

    /// Lines that may wait to be written.
    package static let maximumPending = 10_000
    private static let pause = DispatchTimeInterval.milliseconds(10)
    /// Most bytes of several lines in one `write`, so that a pipe takes them in one piece, and those of several processes
    /// do not mix (PIPE_BUF).
    private static let atomicLength = 4_096

    private struct State {
        var lines: [String] = []
        var dropped = 0
        /// The line that reports how many were dropped.
        var notice: (@Sendable (Int) -> String)?
        /// Whether the thread will look at the lines by itself.
        var isScheduled = false
    }

    private let file: FileHandle
    private let queue = DispatchQueue(label: "log")
    private let state = Mutex(State())

    package init(_ file: FileHandle) {
        self.file = file
    }

    /// - Parameters:
    ///   - line: with its line end.
    ///   - notice: the line that reports how many were dropped.
    package func write(_ line: String, whenDropped notice: @escaping @Sendable (Int) -> String) {
        let isFirst = state.withLock { state in
            guard state.lines.count < Self.maximumPending else {
                state.dropped += 1
                state.notice = notice
                return false
            }
            state.lines.append(line)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if isFirst { queue.async { [self] in work() } }
    }

    /// Waits until all that was written before is out, for at most `limit`.
    package func flush(within limit: DispatchTimeInterval = .seconds(2)) {
        let done = DispatchSemaphore(value: 0)
        queue.async { [self] in
            writeAll()
            done.signal()
        }
        _ = done.wait(timeout: .now() + limit)
    }

    private func work() {
        writeAll()
        queue.asyncAfter(deadline: .now() + Self.pause) { [self] in
            let isMore = state.withLock { state in
                state.isScheduled = !state.lines.isEmpty
                return state.isScheduled
            }
            if isMore { work() }
        }
    }

    private func writeAll() {
        while let lines = takeSome() {
            put(lines)
            let notice = state.withLock { state in
                let notice = state.dropped > 0 ? state.notice?(state.dropped) : nil
                state.dropped = 0
                return notice
            }
            if let notice { put(notice) }
        }
    }

    /// The next lines for one `write`; nil when none waits.
    private func takeSome() -> String? {
        state.withLock { state in
            guard var text = state.lines.first else { return nil }
            var count = 1
            for line in state.lines.dropFirst() {
                guard text.utf8.count + line.utf8.count <= Self.atomicLength else { break }
                text += line
                count += 1
            }
            state.lines.removeFirst(count)
            return text
        }
    }

    private func put(_ text: String) {
        // A closed log or a full disk must not end the sessions.
        try? file.write(contentsOf: Data(text.utf8))
    }
}
