import GatewayHardening
import NIOCore
import Testing

@Suite struct HistogramTests {
    private let buckets = Histogram.Buckets([.seconds(1), .milliseconds(10)])

    @Test(
        "A duration is in the first bucket whose bound it does not exceed",
        arguments: [
            (.zero, [1, 0, 0]), (.nanoseconds(-5), [1, 0, 0]), (.milliseconds(10), [1, 0, 0]),
            (.milliseconds(10) + .nanoseconds(1), [0, 1, 0]), (.seconds(1), [0, 1, 0]),
            (.seconds(1) + .nanoseconds(1), [0, 0, 1]), (.hours(10_000), [0, 0, 1]),
        ] as [(TimeAmount, [Int])]
    )
    func edges(duration: TimeAmount, counts: [Int]) {
        let histogram = LoopHistogram(buckets)
        histogram.observe(duration)
        #expect(histogram.current.counts == counts)
        #expect(histogram.current.count == 1)
        #expect(histogram.current.sum == max(.zero, duration))
    }

    @Test("Bounds ascend, and counts are cumulative without the bucket behind the last bound")
    func cumulative() {
        let histogram = LoopHistogram(buckets)
        for milliseconds in [5, 5, 500, 5_000] { histogram.observe(.milliseconds(Int64(milliseconds))) }
        #expect(histogram.current.buckets.bounds == [.milliseconds(10), .seconds(1)])
        #expect(histogram.current.cumulativeCounts == [2, 3])
        #expect(histogram.current.count == 4)
    }

    @Test("The sum of two has the counts and the time of both")
    func sum() {
        let (one, other) = (LoopHistogram(buckets), LoopHistogram(buckets))
        one.observe(.milliseconds(1))
        other.observe(.milliseconds(2))
        other.observe(.seconds(3))
        var sum = one.current
        sum.add(other.current)
        #expect(sum.counts == [2, 0, 1])
        #expect(sum.sum == .milliseconds(3_003))
    }

    @Test("The buckets of the gateway's histograms ascend without a bound that stands twice")
    func ownBuckets() {
        for buckets in [Histogram.Buckets.latency, .session] {
            #expect(Set(buckets.bounds).count == buckets.bounds.count)
            #expect(buckets.bounds == buckets.bounds.sorted())
        }
    }
}
