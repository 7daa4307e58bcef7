package import NIOCore

/// Lets the first few events of a kind through in a stretch of time, and counts the rest. Pure: the time comes in.
package struct BurstLimiter<Key: Hashable & Sendable>: Sendable {
    private struct Window {
        var end: NIODeadline
        var count: Int
    }

    private let limit: Int
    private let length: TimeAmount
    private var windows: [Key: Window] = [:]

    /// - Parameters:
    ///   - limit: events of a key that are let through in a window.
    ///   - length: of a window, which begins with the first event of its key.
    package init(limit: Int, length: TimeAmount) {
        self.limit = limit
        self.length = length
    }

    /// Whether this event is one of those that are let through.
    package mutating func admits(_ key: Key, at now: NIODeadline) -> Bool {
        var window = windows[key] ?? Window(end: now + length, count: 0)
        window.count += 1
        windows[key] = window
        return window.count <= limit
    }

    /// Ends the windows whose time is over; returns the suppressed counts by key. Until then they count on,
    /// so this is called at least once a window.
    package mutating func takeSuppressed(at now: NIODeadline) -> [(key: Key, count: Int)] {
        var suppressed: [(key: Key, count: Int)] = []
        for (key, window) in windows where window.end <= now {
            if window.count > limit { suppressed.append((key, window.count - limit)) }
            windows[key] = nil
        }
        return suppressed
    }
}
