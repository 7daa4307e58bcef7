package import Foundation

/// The time of day, and how to wait for one.
package struct WallClock: Sendable {
    let now: @Sendable () -> Date
    let wait: @Sendable (_ end: Date) async throws -> Void

    /// - Parameters:
    ///   - now: the time of day.
    ///   - wait: returns at a time or before it; throws when its task is cancelled.
    package init(now: @escaping @Sendable () -> Date, wait: @escaping @Sendable (_ end: Date) async throws -> Void) {
        self.now = now
        self.wait = wait
    }

    /// Longest wait at a time, in seconds: a clock that was set does not wake who sleeps.
    private static let longestWait = 30.0

    package static let system = WallClock(
        now: { .now },
        wait: { try await Task.sleep(for: .seconds(max(0, min($0.timeIntervalSinceNow, longestWait)))) }
    )
}
