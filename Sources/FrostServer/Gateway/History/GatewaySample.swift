import GatewayContract

/// What the gateway's metrics said at one time, as far as its page needs them. Counters count from the gateway's start.
package struct GatewaySample: Hashable, Sendable {
    /// Of one branch, or of all.
    package struct Counts: Hashable, Sendable {
        /// Open at the time.
        package var sessions = 0.0
        /// Sessions that reached a branch.
        package var connections = 0.0
        /// From clients, in bytes.
        package var bytesIn = 0.0
        /// To clients, in bytes.
        package var bytesOut = 0.0
        package var dialErrors = 0.0
        package var failedLogins = 0.0

        package init() {}

        package var isZero: Bool { self == Self() }

        /// What was counted since an earlier look; what has become less was counted anew from zero. Sessions are those of now.
        func since(_ earlier: Self) -> Self {
            func change(_ now: Double, _ before: Double) -> Double { now >= before ? now - before : now }
            var counts = self
            counts.connections = change(connections, earlier.connections)
            counts.bytesIn = change(bytesIn, earlier.bytesIn)
            counts.bytesOut = change(bytesOut, earlier.bytesOut)
            counts.dialErrors = change(dialErrors, earlier.dialErrors)
            counts.failedLogins = change(failedLogins, earlier.failedLogins)
            return counts
        }

        mutating func add(_ other: Self) {
            sessions += other.sessions
            connections += other.connections
            bytesIn += other.bytesIn
            bytesOut += other.bytesOut
            dialErrors += other.dialErrors
            failedLogins += other.failedLogins
        }
    }

    /// By the branch's id.
    package var branches: [String: Counts] = [:]
    /// Closed connections by how they ended; at most ``maximumOutcomes``.
    package var outcomes: [String: Double] = [:]
    package var failedHandshakes = 0.0
    package var handshakes: DurationBuckets?
    package var dials: DurationBuckets?
    /// Seconds since 1970; nil when the gateway does not say.
    package var startTime: Double?

    static let maximumOutcomes = 64

    /// The series that are read.
    static let names = Set(
        [
            MetricName.startupsActive, .connectionsActive, .sessions, .bytes, .backendDialErrors,
            .authenticationFailures, .connections, .handshakeErrors, .processStartTime,
        ].map(\.rawValue) + [bucket(.handshakeDuration), bucket(.backendDialDuration)]
    )

    private static func bucket(_ name: MetricName) -> String { "\(name.rawValue)_bucket" }

    package init() {}

    /// nil for what is no answer of a gateway's.
    package init?(_ text: PrometheusSamples) {
        var handshakes: [(bound: Double, count: Double)] = []
        var dials: [(bound: Double, count: Double)] = []
        var isGateway = false
        for series in text.series where series.value.isFinite && series.value >= 0 {
            let (labels, value) = (series.labels, series.value)
            if series.name == Self.bucket(.handshakeDuration) || series.name == Self.bucket(.backendDialDuration) {
                guard let bound = labels["le"].flatMap(Double.init), !bound.isNaN else { continue }
                if series.name == Self.bucket(.handshakeDuration) {
                    handshakes.append((bound, value))
                } else {
                    dials.append((bound, value))
                }
                continue
            }
            let target = labels[MetricLabel.target.rawValue]
            switch MetricName(rawValue: series.name) {
            case .startupsActive: isGateway = true
            case .processStartTime: startTime = value
            case .handshakeErrors: failedHandshakes += value
            case .connections:
                guard let outcome = labels[MetricLabel.outcome.rawValue],
                    outcomes[outcome] != nil || outcomes.count < Self.maximumOutcomes
                else { continue }
                outcomes[outcome, default: 0] += value
            case .connectionsActive: if let target { branches[target, default: Counts()].sessions += value }
            case .sessions: if let target { branches[target, default: Counts()].connections += value }
            case .backendDialErrors: if let target { branches[target, default: Counts()].dialErrors += value }
            case .authenticationFailures: if let target { branches[target, default: Counts()].failedLogins += value }
            case .bytes:
                guard let target else { continue }
                switch labels[MetricLabel.direction.rawValue].flatMap(BytesDirection.init) {
                case .in: branches[target, default: Counts()].bytesIn += value
                case .out: branches[target, default: Counts()].bytesOut += value
                case nil: continue
                }
            default: continue
            }
        }
        guard isGateway else { return nil }
        self.handshakes = DurationBuckets(handshakes)
        self.dials = DurationBuckets(dials)
    }

    /// Whether it is of a gateway that was started after an earlier sample.
    func isAfterRestart(since earlier: Self) -> Bool {
        // The start time of a process is known to the hundredth of a second.
        if let startTime, let before = earlier.startTime, abs(startTime - before) > 1 { return true }
        return failedHandshakes < earlier.failedHandshakes
            || outcomes.contains { $0.value < earlier.outcomes[$0.key, default: 0] }
    }
}
