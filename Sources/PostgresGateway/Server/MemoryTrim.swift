import CGateway
import Dispatch
package import NIOCore
import Synchronization

/// When memory that a peak of connections took is given back to the kernel. Pure: counts and time come in.
package struct MemoryTrim: Sendable {
    /// What a smaller peak leaves behind, about 30 KB a session, is not worth the work.
    package static let leastPeak = 500
    /// Between two times.
    package static let pause = TimeAmount.seconds(10)

    private var last: NIODeadline?

    package init() {}

    /// Whether it is time now; the peak counts anew from then on.
    ///
    /// - Parameters:
    ///   - count: connections that are open.
    ///   - peak: the most that were open since the last time.
    package mutating func isDue(count: Int, peak: Int, at now: NIODeadline) -> Bool {
        guard peak >= Self.leastPeak, count <= peak / 2, last.map({ $0 + Self.pause <= now }) ?? true else {
            return false
        }
        last = now
        return true
    }
}

/// Gives memory back after a peak: the C library keeps what was freed, in pieces between what is in use.
final class MemoryTrimmer: Sendable {
    /// Between two looks at the counts.
    static let interval = TimeAmount.seconds(5)

    private let decision = Mutex(MemoryTrim())
    private let registry: ConnectionRegistry
    /// Not a loop's thread: it takes milliseconds.
    private let queue = DispatchQueue(label: "memory")

    init(registry: ConnectionRegistry) {
        self.registry = registry
    }

    func look(at now: NIODeadline = .now()) {
        let (count, peak) = registry.openAndPeakCount
        guard decision.withLock({ $0.isDue(count: count, peak: peak, at: now) }) else { return }
        registry.restartPeak()
        queue.async { gateway_trim_memory() }
    }
}
