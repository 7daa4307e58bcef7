package import Foundation
package import Logging
package import NIOCore
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Counts failures to accept, and logs them at most once in ten seconds.
package final class AcceptFailures: Sendable {
    private struct State {
        var count = 0
        var last: (date: Date, reason: String)?
        var lastLine: Date?
    }

    /// Report a failure as recent for this long, in seconds.
    package static let recent: TimeInterval = 60
    private static let logInterval: TimeInterval = 10

    private let logger: Logger
    private let state = Mutex(State())

    package init(logger: Logger) {
        self.logger = logger
    }

    package var count: Int { state.withLock { $0.count } }

    /// Why accepting failed, if it did lately.
    package func reason(at now: Date) -> String? {
        state.withLock { state in
            state.last.flatMap { now.timeIntervalSince($0.date) < Self.recent ? $0.reason : nil }
        }
    }

    /// Whether accepting failed for want of something that may be had again: NIO keeps the listener open then
    /// (`SocketChannel.swift`).
    static func isExhaustion(_ error: IOError) -> Bool {
        [EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED].contains(error.errnoCode)
    }

    /// Counts a failure, and logs it if none was logged lately.
    package func note(_ error: IOError, at now: Date = .now) {
        let isLogged = state.withLock { state in
            state.count += 1
            state.last = (now, "\(error)")
            guard state.lastLine.map({ now.timeIntervalSince($0) >= Self.logInterval }) ?? true else { return false }
            state.lastLine = now
            return true
        }
        if isLogged {
            let advice = error.errnoCode == EMFILE ? "; raise LimitNOFILE= (ulimit -n)" : ""
            logger.error(
                "cannot accept connections\(advice)",
                metadata: .init([.error: "\(error)"])
            )
        }
    }
}
