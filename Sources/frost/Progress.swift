import BranchManager
import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Prints the progress of an operation that takes more than a second: on a terminal in one line, updated each second,
/// elsewhere in a new line every ten seconds.
final class Progress: Sendable {
    private struct State {
        var what: String?
        var isShown = false
        var copied: CopyProgress?
    }

    /// Interval of lines without a terminal, in seconds.
    private static let interval = 10

    private let state = Mutex(State())

    func during<Value>(_ what: String, _ body: () async throws -> Value) async throws -> Value {
        state.withLock { $0 = State(what: what) }
        let line = TerminalLine.standardError
        // Writing to a stopped terminal blocks.
        let reminder = Task(executorPreference: BlockingWork.executor) {
            try await Task.sleep(for: .seconds(1))
            self.state.withLock { $0.isShown = true }
            if line == nil { ErrorOutput.print("\(what) ...") }
            for seconds in 1... {
                let text = Self.text(what, self.state.withLock { $0.copied }, seconds: seconds)
                if let line {
                    line.show("frost: \(text)")
                } else if seconds > 1, seconds % Self.interval == 1 {
                    ErrorOutput.print(text)
                }
                try await Task.sleep(for: .seconds(1))
            }
        }
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        reminder.cancel()
        // Nothing is written after this.
        _ = await reminder.result
        line?.clear()
        state.withLock { $0 = State() }
        return try result.get()
    }

    /// "copying main to dev · copied 1.2 of 3.4 GB · 12 s"
    private static func text(_ what: String, _ copied: CopyProgress?, seconds: Int) -> String {
        "\(what)\(copied.map { " · copied \($0.text)" } ?? "") · \(seconds) s"
    }

    /// The result of a step for users; nil for internal steps.
    private static func words(_ step: OperationStep) -> String? {
        switch step {
        case .registered, .copying, .finished: nil
        case .copied: "the copy is complete"
        case .unrouted: "new connections are refused"
        case .stopped: "the server has stopped"
        case .adopted: "the data is in place"
        case .started: "the server is ready"
        case .removed: "the data is removed"
        }
    }

    func didComplete(_ action: BranchAction, _ step: OperationStep) {
        let what = state.withLock { state in
            if step != .copying { state.copied = nil }
            return state.isShown ? state.what : nil
        }
        if let what, let words = Self.words(step) { ErrorOutput.print("\(what): \(words)") }
    }

    func copied(_ progress: CopyProgress) { state.withLock { $0.copied = progress } }
}

/// The last line of a terminal, rewritten again and again. The cursor stays at its start, so that the next output
/// overwrites it.
struct TerminalLine: Sendable {
    /// Erases from the cursor to the end of the line (ECMA-48).
    static let erase = "\u{1B}[K"

    /// nil where standard error is no terminal, or one that cannot erase.
    static var standardError: TerminalLine? {
        guard isatty(STDERR_FILENO) == 1 else { return nil }
        let kind = ProcessInfo.processInfo.environment["TERM"] ?? ""
        return kind.isEmpty || kind == "dumb" ? nil : TerminalLine()
    }

    func show(_ text: String) {
        var size = winsize()
        let columns = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1 ? Int(size.ws_col) : 80
        // A wrapped line cannot be overwritten.
        Output.write("\(text.prefix(columns - 1))\(Self.erase)\r", to: STDERR_FILENO)
    }

    func clear() { Output.write(Self.erase, to: STDERR_FILENO) }
}
