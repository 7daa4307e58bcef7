package import Foundation
import Logging
import Synchronization

/// How often accepting has failed, and what is said about it: at most once in ten seconds.
package final class AcceptFailures: Sendable {
    private struct State {
        var count = 0
        var last: (date: Date, reason: String)?
        var lastLine: Date?
    }

    /// A failure is news for this long, in seconds.
    package static let recent: TimeInterval = 60
    private static let betweenLines: TimeInterval = 10

    private let logger: Logger
    private let state = Mutex(State())

    init(logger: Logger) {
        self.logger = logger
    }

    package var count: Int { state.withLock { $0.count } }

    /// Why accepting failed, if it did lately.
    package func reason(at now: Date) -> String? {
        state.withLock { state in
            state.last.flatMap { now.timeIntervalSince($0.date) < Self.recent ? $0.reason : nil }
        }
    }

    func note(_ error: any Error, at now: Date = .now) {
        let isLogged = state.withLock { state in
            state.count += 1
            state.last = (now, "\(error)")
            guard state.lastLine.map({ now.timeIntervalSince($0) >= Self.betweenLines }) ?? true else { return false }
            state.lastLine = now
            return true
        }
        if isLogged {
            logger.error(
                "connections cannot be accepted; raise LimitNOFILE= (ulimit -n) if there are too many open files",
                metadata: .init([.error: "\(error)"])
            )
        }
    }
}
