import ArgumentParser
import BranchManager
import Foundation
import Logging
import RouteMap
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Lines for people, beside what a command prints.
enum Complaint {
    static func print(_ text: String) { Output.write("frost: \(text)\n", to: STDERR_FILENO) }

    /// Runs a command; what it cannot do is told in one line, or as JSON where that is asked for, and with an exit code
    /// of its own. So is that what it has printed has not arrived.
    static func exiting<Value>(_ options: FrostOptions, _ body: () async throws -> Value) async throws -> Value {
        do {
            // Its child tasks follow it there.
            let value = try await withTaskExecutorPreference(BlockingWork.executor) { try await body() }
            try Output.flush()
            return value
        } catch let error as BranchError {
            throw fail(error, options)
        } catch let error as HostnameError {
            throw fail(.invalid("the wildcard domain \(error)"), options)
        }
    }

    private static func fail(_ error: BranchError, _ options: FrostOptions) -> ExitCode {
        let fault = CommandFault(error)
        if options.json { fault.printJSON() } else { print(error.description) }
        return ExitCode(fault.exitCode)
    }
}

/// What the libraries log, as lines for people.
struct ComplaintLogHandler: LogHandler {
    var logLevel = Logger.Level.warning
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let detail = event.metadata?["error"].map { ": \($0)" } ?? ""
        Complaint.print("\(event.message)\(detail)")
    }
}

/// Says how far an operation is, once it has taken more than a second, and how long it has taken every ten.
final class Progress: Sendable {
    private struct State {
        var what: String?
        var isShown = false
    }

    private let state = Mutex(State())

    func during<Value>(_ what: String, _ body: () async throws -> Value) async throws -> Value {
        state.withLock { $0 = State(what: what) }
        // Writing to a terminal that is held up blocks.
        let reminder = Task(executorPreference: BlockingWork.executor) {
            try await Task.sleep(for: .seconds(1))
            self.state.withLock { $0.isShown = true }
            Complaint.print("\(what) ...")
            let began = ContinuousClock.now
            while true {
                try await Task.sleep(for: .seconds(10))
                Complaint.print("\(what) ... \((ContinuousClock.now - began).components.seconds + 1) s")
            }
        }
        defer {
            reminder.cancel()
            state.withLock { $0 = State() }
        }
        return try await body()
    }

    /// What has been done with a step, for people; nil for what is none of theirs.
    private static func words(_ step: OperationStep) -> String? {
        switch step {
        case .registered, .copying, .finished: nil
        case .copied: "the copy is complete"
        case .unrouted: "new connections are refused"
        case .stopped: "the server has stopped"
        case .adopted: "the data is in place"
        case .started: "the server answers"
        case .removed: "the data is removed"
        }
    }

    func reached(_ action: BranchAction, _ step: OperationStep) {
        let what = state.withLock { $0.isShown ? $0.what : nil }
        if let what, let words = Self.words(step) { Complaint.print("\(what): \(words)") }
    }
}
