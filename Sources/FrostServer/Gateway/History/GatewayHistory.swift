/// The last hour of the gateway, from its metrics: one sample every ten seconds, in memory alone.
///
/// Bounds: an hour and a minute, so 366 points of about 1 kB, and for each branch 80 bytes a point while something happens
/// there; an idle branch costs nothing. At most ``maximumBranches`` branches are kept apart: 8 MB when all of them are
/// busy the whole hour, half a megabyte when none is. Pure: the time comes in, in ticks of ten seconds since 1970.
package struct GatewayHistory: Sendable {
    /// What happened in the time before a tick.
    package struct Point: Hashable, Sendable {
        package var tick: Int
        /// Seconds that the counts are from; nil when they cannot be drawn as a rate: nobody looked before, or for long.
        package var seconds: Double?
        /// Whether the gateway was started since the point before: its counts are from zero.
        package var isRestart = false
        package var counts = GatewaySample.Counts()

        /// Whether the counts are of about this time.
        package var isOfThisTime: Bool { seconds != nil || isRestart }
    }

    /// What only the gateway as a whole has, at the same tick.
    package struct Whole: Hashable, Sendable {
        /// Of connections that closed, by how; none that are zero.
        package var outcomes: [String: Double] = [:]
        package var failedHandshakes = 0.0
        package var handshakes: DurationBuckets?
        package var dials: DurationBuckets?
    }

    private struct BranchPoint {
        var tick: Int
        var counts: GatewaySample.Counts
    }

    /// Between two samples, in seconds.
    package static let interval = 10
    /// The ticks of an hour.
    package static let length = 360
    /// The ticks of a column of a chart.
    package static let columnLength = 6
    /// The ticks of the shortest chart: five minutes.
    package static let shortestChart = 30
    package static let maximumBranches = 256
    /// The most ticks between two samples of which the later is a rate.
    private static let longestWait = 3
    /// The first column may begin before the hour does.
    private static let kept = length + columnLength

    private var points: [(point: Point, whole: Whole)] = []
    private var branches: [String: [BranchPoint]] = [:]
    private var last: (tick: Int, sample: GatewaySample)?
    /// When a branch was last left out, since there were too many.
    private var lastLeftOut: Int?
    /// The tick of the last look, whether something was heard or not.
    package private(set) var now = 0

    package init() {}

    // MARK: Looks

    /// The gateway has answered.
    package mutating func add(_ sample: GatewaySample, at tick: Int) {
        if tick <= now { forget(from: tick) }
        let isRestart = last.map { sample.isAfterRestart(since: $0.sample) } ?? false
        let earlier = isRestart ? GatewaySample() : last?.sample
        let wait = last.map { tick - $0.tick }
        var point = Point(tick: tick, isRestart: isRestart)
        if let wait, wait <= Self.longestWait, !isRestart { point.seconds = Double(wait * Self.interval) }
        for (id, counts) in sample.branches {
            var change = earlier.map { counts.since($0.branches[id] ?? .init()) } ?? .init()
            change.sessions = counts.sessions
            point.counts.add(change)
            guard !change.isZero else { continue }
            if branches[id] == nil, branches.count >= Self.maximumBranches {
                lastLeftOut = tick
                continue
            }
            branches[id, default: []].append(BranchPoint(tick: tick, counts: change))
        }
        points.append((point, Self.whole(sample, since: earlier, isRestart: isRestart)))
        last = (tick, sample)
        pass(to: tick)
    }

    /// The gateway has not answered.
    package mutating func pass(to tick: Int) {
        if tick < now { forget(from: tick + 1) }
        now = tick
        let oldest = tick - Self.kept
        points.removeAll { $0.point.tick <= oldest }
        for (id, points) in branches where (points.first?.tick ?? oldest) <= oldest {
            let left = points.drop { $0.tick <= oldest }
            branches[id] = left.isEmpty ? nil : Array(left)
        }
        if let tick = lastLeftOut, tick <= oldest { lastLeftOut = nil }
    }

    /// The clock was set back.
    private mutating func forget(from tick: Int) {
        now = tick - 1
        points.removeAll { $0.point.tick >= tick }
        branches = branches.mapValues { $0.filter { $0.tick < tick } }.filter { !$0.value.isEmpty }
        last = nil
    }

    private static func whole(_ sample: GatewaySample, since earlier: GatewaySample?, isRestart: Bool) -> Whole {
        guard let earlier else { return Whole() }
        func since(_ path: KeyPath<GatewaySample, DurationBuckets?>) -> DurationBuckets? {
            guard let now = sample[keyPath: path] else { return nil }
            let change = isRestart ? now : earlier[keyPath: path].flatMap { now.since($0) }
            return change.flatMap { $0.total > 0 ? $0 : nil }
        }
        return Whole(
            outcomes: sample.outcomes.reduce(into: [:]) { changes, outcome in
                let change = outcome.value - earlier.outcomes[outcome.key, default: 0]
                if change > 0 { changes[outcome.key] = change }
            },
            failedHandshakes: sample.failedHandshakes - earlier.failedHandshakes,
            handshakes: since(\.handshakes),
            dials: since(\.dials)
        )
    }

    // MARK: The hour

    private var oldest: Int { now - Self.length }

    /// The points of the hour, the oldest first.
    ///
    /// - Parameter branch: nil for all branches together.
    package func hour(of branch: String?) -> [Point] {
        let hour = points.map(\.point).filter { $0.tick > oldest }
        guard let branch else { return hour }
        let own = Dictionary((branches[branch] ?? []).map { ($0.tick, $0.counts) }) { $1 }
        return hour.map { point in
            var point = point
            point.counts = own[point.tick] ?? .init()
            return point
        }
    }

    /// Of the hour, all together: sessions are the most that were open at a time.
    package func total(of branch: String?) -> GatewaySample.Counts {
        var total = GatewaySample.Counts()
        for point in hour(of: branch) {
            let sessions = max(total.sessions, point.counts.sessions)
            total.add(point.counts)
            total.sessions = sessions
        }
        return total
    }

    /// The ids of branches with a session, a connection or a failed one in the hour.
    package var busyBranches: [String] {
        branches.filter { ($0.value.last?.tick ?? oldest) > oldest }.keys.sorted()
    }

    /// Whether there were more busy branches than are kept apart.
    package var leavesBranchesOut: Bool { lastLeftOut.map { $0 > oldest } ?? false }

    /// Closed connections of the hour, by how.
    package var outcomes: [String: Double] {
        points.filter { $0.point.tick > oldest }.reduce(into: [:]) { all, point in
            all.merge(point.whole.outcomes) { $0 + $1 }
        }
    }

    package var failedHandshakes: Double {
        points.filter { $0.point.tick > oldest }.reduce(0) { $0 + $1.whole.failedHandshakes }
    }

    /// When the gateway was started, as far as it was seen in the hour.
    package var restarts: [Int] { hour(of: nil).filter(\.isRestart).map(\.tick) }

    /// The tick of the oldest point of the hour.
    package var begin: Int? { hour(of: nil).first?.tick }

    // MARK: Charts

    /// The ticks of a chart: since the first sample of the hour, but at least ``shortestChart``.
    private var shown: Int { max(Self.shortestChart, begin.map { now - $0 + 1 } ?? 0) }

    /// The columns of a chart: since the first minute of the hour of which something is known, or as many as the shortest has.
    private var shownColumns: Int {
        let first = points.first { $0.point.tick > oldest && $0.point.isOfThisTime }?.point.tick
        let count = first.map { Self.column(of: now) - Self.column(of: $0) + 1 } ?? 0
        return min(Self.length / Self.columnLength, max(Self.shortestChart / Self.columnLength, count))
    }

    /// For each tick of a chart whether the gateway was heard and what was counted is of that time.
    package func isKnown() -> [Bool] {
        var known = Array(repeating: false, count: shown)
        for point in hour(of: nil) where !point.isRestart { known[known.count - 1 - (now - point.tick)] = true }
        return known
    }

    /// One value for each tick of a chart.
    package func line(of branch: String?, _ value: (Point) -> Double?) -> [Double?] {
        var line = [Double?](repeating: nil, count: shown)
        for point in hour(of: branch) where !point.isRestart {
            line[line.count - 1 - (now - point.tick)] = value(point)
        }
        return line
    }

    /// The minute that a tick ends in: a minute's last tick is its end.
    private static func column(of tick: Int) -> Int { (tick - 1) / columnLength }

    /// The columns of a chart: whole minutes, but for the last.
    private func columns<Value>(_ value: ([(point: Point, whole: Whole)]) -> Value) -> [Value] {
        let last = Self.column(of: now)
        let count = shownColumns
        let byColumn = Dictionary(grouping: points.filter { $0.point.isOfThisTime }) { Self.column(of: $0.point.tick) }
        return (0..<count).map { value(byColumn[last - count + 1 + $0] ?? []) }
    }

    /// For each minute of a chart whether something is known of it.
    package func isColumnKnown() -> [Bool] { columns { !$0.isEmpty } }

    /// Sums of each minute of a chart; nil where nothing is known.
    package func columns(of branch: String?, _ value: (GatewaySample.Counts) -> Double) -> [Double?] {
        guard let branch else {
            return columns { $0.isEmpty ? nil : $0.reduce(0) { $0 + value($1.point.counts) } }
        }
        let own = Dictionary((branches[branch] ?? []).map { ($0.tick, value($0.counts)) }) { $1 }
        return columns { $0.isEmpty ? nil : $0.reduce(0) { $0 + (own[$1.point.tick] ?? 0) } }
    }

    /// The most sessions of each minute; nil where nothing is known.
    package func peaks(of branch: String) -> [Double?] {
        let own = Dictionary((branches[branch] ?? []).map { ($0.tick, $0.counts.sessions) }) { $1 }
        return columns { $0.map { own[$0.point.tick] ?? 0 }.max() }
    }

    /// Connections that closed in each minute in one of these ways.
    package func columns(outcomes: Set<String>) -> [Double?] {
        columns { points in
            points.isEmpty
                ? nil
                : points.reduce(0) { sum, point in
                    sum + outcomes.reduce(0) { $0 + (point.whole.outcomes[$1] ?? 0) }
                }
        }
    }

    /// A quantile of each minute, in seconds; nil where nothing was measured.
    package func quantiles(_ part: Double, of buckets: (Whole) -> DurationBuckets?) -> [Double?] {
        columns { points in
            points.compactMap { buckets($0.whole) }.reduce(nil as DurationBuckets?) { $0?.adding($1) ?? $1 }?
                .quantile(part)
        }
    }

    /// All durations of the hour.
    package func durations(of buckets: (Whole) -> DurationBuckets?) -> DurationBuckets? {
        points.filter { $0.point.tick > oldest }.compactMap { buckets($0.whole) }
            .reduce(nil as DurationBuckets?) { $0?.adding($1) ?? $1 }
    }
}
