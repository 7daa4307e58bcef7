package import NIOCore

/// Durations counted in fixed buckets.
package struct Histogram: Hashable, Sendable {
    /// The upper bounds of buckets, ascending. A duration belongs to the first bucket whose bound it does not exceed,
    /// or to the one without a bound behind the last.
    package struct Buckets: Hashable, Sendable {
        package let bounds: [TimeAmount]

        package init(_ bounds: [TimeAmount]) {
            self.bounds = bounds.sorted()
        }

        /// For what takes a fraction of a millisecond on a quiet host, and a minute at most.
        package static let latency = Buckets([
            .microseconds(250), .microseconds(500), .milliseconds(1), .microseconds(2_500), .milliseconds(5),
            .milliseconds(10), .milliseconds(25), .milliseconds(50), .milliseconds(100), .milliseconds(250),
            .milliseconds(500), .seconds(1), .milliseconds(2_500), .seconds(5), .seconds(10), .seconds(30),
            .seconds(60),
        ])

        /// From a query of a script to a pool's connection that stays for weeks.
        package static let session = Buckets([
            .milliseconds(100), .seconds(1), .seconds(10), .minutes(1), .minutes(5), .minutes(30), .hours(1),
            .hours(6), .hours(24), .hours(7 * 24),
        ])

        /// The bucket of a duration: an index into the bounds, or the one behind the last.
        func index(of duration: TimeAmount) -> Int {
            bounds.firstIndex { duration <= $0 } ?? bounds.count
        }
    }

    package let buckets: Buckets
    /// Of each bucket by itself; one more than there are bounds.
    package private(set) var counts: [Int]
    package private(set) var sum: TimeAmount

    init(_ buckets: Buckets, counts: [Int], sum: TimeAmount) {
        self.buckets = buckets
        self.counts = counts
        self.sum = sum
    }

    package var count: Int { counts.reduce(0, +) }

    /// How many durations did not exceed each bound, in order of the bounds.
    package var cumulativeCounts: [Int] {
        var total = 0
        return counts.dropLast().map {
            total += $0
            return total
        }
    }

    /// Adds another one with the same buckets.
    package mutating func add(_ other: Histogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        sum = sum + other.sum
    }
}

/// A histogram that one event loop writes and any thread reads.
package final class LoopHistogram: Sendable {
    private let buckets: Histogram.Buckets
    private let cells: [CountCell]
    private let nanoseconds = SingleWriterCount()

    package init(_ buckets: Histogram.Buckets) {
        self.buckets = buckets
        cells = (0...buckets.bounds.count).map { _ in CountCell() }
    }

    /// Called on the event loop alone. A negative duration counts as none.
    package func observe(_ duration: TimeAmount) {
        let duration = max(duration, .zero)
        cells[buckets.index(of: duration)].count.add(1)
        nanoseconds.add(Int(duration.nanoseconds))
    }

    package var current: Histogram {
        Histogram(buckets, counts: cells.map { $0.count.current }, sum: .nanoseconds(Int64(nanoseconds.current)))
    }
}
