import GatewayHardening
import NIOCore
import Synchronization

/// Measures how late an event loop gets to its tasks: how long a relay on it may have to wait.
enum EventLoopLag {
    /// Between two measurements.
    ///
    /// A loop that stands still for longer is always noticed, within half of ``Liveness/limit``, and shorter ones by
    /// their share of the time; a scrape every 15 s has 15 measurements of each loop. It costs an idle gateway one
    /// wake-up a loop and second, fewer than the looks at the route map.
    static let interval = TimeAmount.seconds(1)

    /// Starts to measure.
    static func measure(_ loop: any EventLoop, into lags: LoopHistogram) -> RepeatedTask {
        // Written by the loop alone; a class of a value that a `@Sendable` closure may change.
        let due = Due(.now() + interval)
        return loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            let now = NIODeadline.now()
            lags.observe(now - due.deadline)
            // NIO schedules the next run when this one returns.
            due.deadline = now + interval
        }
    }

    private final class Due: Sendable {
        private let nanoseconds: Atomic<UInt64>

        init(_ deadline: NIODeadline) {
            nanoseconds = Atomic(deadline.uptimeNanoseconds)
        }

        var deadline: NIODeadline {
            get { .uptimeNanoseconds(nanoseconds.load(ordering: .relaxed)) }
            set { nanoseconds.store(newValue.uptimeNanoseconds, ordering: .relaxed) }
        }
    }
}
