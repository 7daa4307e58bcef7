/// Durations in the fixed buckets of a Prometheus histogram.
package struct DurationBuckets: Hashable, Sendable {
    /// The upper end of each bucket in seconds, ascending; the last is infinite.
    package let bounds: [Double]
    /// Durations of at most each bound: never fewer than of the bound before.
    package let counts: [Double]

    /// Buckets that are read; Prometheus's own clients have about a dozen.
    package static let maximum = 64

    /// Takes buckets in any order; nil without an infinite one, and when there are too many.
    package init?(_ buckets: [(bound: Double, count: Double)]) {
        let sorted = buckets.sorted { $0.bound < $1.bound }
        guard sorted.count <= Self.maximum, sorted.last?.bound == .infinity else { return nil }
        self.init(bounds: sorted.map(\.bound), counts: sorted.map(\.count))
    }

    private init(bounds: [Double], counts: [Double]) {
        self.bounds = bounds
        // A scrape is not of one moment.
        var highest = 0.0
        self.counts = counts.map {
            highest = max(highest, $0)
            return highest
        }
    }

    package var total: Double { counts.last ?? 0 }

    /// Those that came after an earlier look at the same counts; nil when these have begun anew, or have other buckets.
    package func since(_ earlier: Self) -> Self? {
        guard bounds == earlier.bounds, total >= earlier.total else { return nil }
        return Self(bounds: bounds, counts: zip(counts, earlier.counts).map { max(0, $0 - $1) })
    }

    /// Both together; these alone when the others have other buckets.
    package func adding(_ other: Self) -> Self {
        guard bounds == other.bounds else { return self }
        return Self(bounds: bounds, counts: zip(counts, other.counts).map { $0 + $1 })
    }

    /// The duration that a part of all stays within, in seconds: interpolated in its bucket, as Prometheus does.
    /// In the last bucket it is the highest bound. nil when there are no durations.
    ///
    /// - Parameter part: 0...1.
    package func quantile(_ part: Double) -> Double? {
        let rank = part * total
        guard total > 0, let index = counts.firstIndex(where: { $0 >= rank && $0 > 0 }) else { return nil }
        let lower: (bound: Double, count: Double) = index == 0 ? (0, 0) : (bounds[index - 1], counts[index - 1])
        guard bounds[index].isFinite else { return index == 0 ? nil : lower.bound }
        let inBucket = counts[index] - lower.count
        guard inBucket > 0 else { return bounds[index] }
        return lower.bound + (bounds[index] - lower.bound) * (rank - lower.count) / inBucket
    }
}
