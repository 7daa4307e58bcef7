import Foundation

/// Moments at which something is looked after.
enum Ticks {
    /// One after each interval, of a thread that sleeps: a timer of Swift's makes and ends two threads each time, as Dispatch
    /// keeps idle ones for no longer than the interval.
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
