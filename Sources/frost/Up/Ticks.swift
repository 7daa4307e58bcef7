import Foundation

/// Ticks for periodic work.
enum Ticks {
    /// One tick per interval from a sleeping thread. Swift's timers would create and end two threads each time, because
    /// Dispatch keeps idle threads no longer than the interval.
    static func every(_ interval: TimeInterval) -> AsyncStream<Void> {
        let (ticks, tick) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        Thread.detachNewThread {
            while true {
                Thread.sleep(forTimeInterval: interval)
                if case .terminated = tick.yield() { return }
            }
        }
        return ticks
    }
}
