package import Foundation

/// The time of day, and waiting for a time.
package struct WallClock: Sendable {
    let now: @Sendable () -> Date
    let wait: @Sendable (_ end: Date) async throws -> Void

    /// - Parameters:
    ///   - now: the time of day.
    ///   - wait: returns at or before a time; throws when its task is cancelled.
    package init(now: @escaping @Sendable () -> Date, wait: @escaping @Sendable (_ end: Date) async throws -> Void) {
        self.now = now
        self.wait = wait
    }

    /// Longest single wait, in seconds: setting the clock does not wake a sleeping task.
    private static let longestWait = 30.0

    package static let system = WallClock(
        now: { .now },
        wait: { try await Task.sleep(for: .seconds(max(0, min($0.timeIntervalSinceNow, longestWait)))) }
    )
}
