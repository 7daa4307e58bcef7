import Testing

@testable import FrostServer

/// The hour of the gateway, sample by sample.
@Suite struct GatewayHistoryTests {
    /// A gateway with one branch.
    private static func sample(
        sessions: Double = 0,
        connections: Double = 0,
        bytes: Double = 0,
        refused: Double = 0,
        branch: String? = "dbt_1",
        start: Double? = 100
    ) -> GatewaySample {
        var sample = GatewaySample()
        sample.startTime = start
        if let branch {
            var counts = GatewaySample.Counts()
            counts.sessions = sessions
            counts.connections = connections
            counts.bytesIn = bytes
            sample.branches[branch] = counts
        }
        sample.outcomes = ["unknown_hostname": refused]
        return sample
    }

    /// The first tick of a minute.
    private let begin = 6_001

    @Test("Counters become what happened in between; the first sample tells of none")
    func changes() {
        var history = GatewayHistory()
        history.add(Self.sample(sessions: 3, connections: 50, bytes: 900, refused: 7), at: begin)
        history.add(Self.sample(sessions: 5, connections: 52, bytes: 1_900, refused: 8), at: begin + 1)
        history.add(Self.sample(sessions: 4, connections: 52, bytes: 1_900, refused: 8), at: begin + 2)
        for branch in [nil, "dbt_1"] {
            let hour = history.hour(of: branch)
            #expect(hour.map(\.counts.sessions) == [3, 5, 4])
            #expect(hour.map(\.counts.connections) == [0, 2, 0])
            #expect(hour.map(\.counts.bytesIn) == [0, 1_000, 0])
            #expect(hour.map(\.seconds) == [nil, 10, 10])
            #expect(history.total(of: branch).connections == 2)
            #expect(history.total(of: branch).sessions == 5)
            #expect(history.columns(of: branch, \.connections).last == 2)
        }
        #expect(history.outcomes == ["unknown_hostname": 1])
        #expect(history.columns(outcomes: ["unknown_hostname", "else"]).last == 1)
        #expect(history.line(of: nil) { $0.counts.sessions }.suffix(4) == [nil, 3, 5, 4])
        #expect(history.isKnown().suffix(4) == [false, true, true, true])
        #expect(history.busyBranches == ["dbt_1"])
        #expect(history.hour(of: "dbt_2").allSatisfy { $0.counts.isZero })
    }

    @Test("A gateway that was started anew counts from zero, and its charts have a gap", arguments: [true, false])
    func restart(saysWhen: Bool) {
        var history = GatewayHistory()
        history.add(Self.sample(connections: 50, refused: 7, start: saysWhen ? 100 : nil), at: begin)
        history.add(Self.sample(connections: 51, refused: 8, start: saysWhen ? 100 : nil), at: begin + 1)
        // With more refusals than before, only the start time tells.
        let refused: Double = saysWhen ? 9 : 2
        history.add(Self.sample(connections: 3, refused: refused, start: saysWhen ? 170 : nil), at: begin + 2)
        history.add(Self.sample(connections: 4, refused: refused, start: saysWhen ? 170 : nil), at: begin + 3)
        #expect(history.restarts == [begin + 2])
        #expect(history.total(of: nil).connections == 1 + 3 + 1)
        #expect(history.outcomes["unknown_hostname"] == 1 + refused)
        #expect(history.isKnown().suffix(4) == [true, true, false, true])
        #expect(history.line(of: "dbt_1") { $0.counts.connections }.suffix(4) == [0, 1, nil, 1])
    }

    @Test("While the gateway is not heard there is a gap; what it counted meanwhile is in the total alone")
    func gap() {
        var history = GatewayHistory()
        history.add(Self.sample(connections: 50), at: begin)
        for tick in 1..<9 { history.pass(to: begin + tick) }
        #expect(history.line(of: nil) { $0.counts.sessions }.suffix(9).compactMap { $0 }.count == 1)
        #expect(history.columns(of: nil, \.connections).suffix(2) == [nil, nil], "nobody looked before the first")
        history.add(Self.sample(connections: 80), at: begin + 9)
        history.add(Self.sample(connections: 81), at: begin + 10)
        #expect(history.isKnown().suffix(11) == [true] + Array(repeating: false, count: 8) + [true, true])
        #expect(history.total(of: nil).connections == 31)
        #expect(history.columns(of: nil, \.connections).compactMap { $0 } == [1])
        #expect(history.hour(of: nil).map(\.seconds) == [nil, nil, 10])
        // One look that came to nothing is none worth a gap of the rates.
        history.pass(to: begin + 11)
        history.add(Self.sample(connections: 83), at: begin + 12)
        #expect(history.hour(of: nil).last?.seconds == 20)
    }

    @Test("The hour passes, and with it branches that went")
    func hour() {
        var history = GatewayHistory()
        history.add(Self.sample(sessions: 1, branch: "dbt_gone"), at: begin)
        for tick in 1...(GatewayHistory.length + 20) {
            history.add(Self.sample(sessions: 1, connections: Double(tick)), at: begin + tick)
            #expect(history.hour(of: nil).count <= GatewayHistory.length)
            #expect(history.isKnown().count == min(GatewayHistory.length, max(GatewayHistory.shortestChart, tick + 1)))
            #expect(history.isColumnKnown().count == min(60, max(5, tick / 6 + 1)))
        }
        #expect(history.busyBranches == ["dbt_1"])
        #expect(history.hour(of: nil).count == GatewayHistory.length)
        #expect(history.isKnown().allSatisfy { $0 })
        #expect(history.columns(of: nil, \.connections).dropLast().allSatisfy { $0 == 6 })
        #expect(history.total(of: nil).connections == Double(GatewayHistory.length))
        // Nothing is heard for an hour.
        for _ in 0...GatewayHistory.length { history.pass(to: history.now + 1) }
        #expect(history.hour(of: nil).isEmpty && history.busyBranches.isEmpty && history.begin == nil)
        #expect(history.total(of: nil).isZero)
    }

    @Test("Charts begin with the first sample, and show five minutes at least")
    func beginning() {
        var history = GatewayHistory()
        #expect(history.isKnown() == Array(repeating: false, count: GatewayHistory.shortestChart))
        #expect(history.isColumnKnown() == Array(repeating: false, count: 5))
        for tick in 0..<40 {
            history.add(Self.sample(sessions: 1, connections: Double(tick)), at: begin + tick)
            let gap = max(0, GatewayHistory.shortestChart - 1 - tick)
            #expect(history.isKnown().prefix { !$0 }.count == gap)
            #expect(history.line(of: "dbt_1") { $0.counts.sessions }.count == history.isKnown().count)
        }
        #expect(history.isKnown().count == 40, "and no more, so that a new gateway is not mostly a gap")
        #expect(history.isColumnKnown() == Array(repeating: true, count: 7))
        #expect(history.columns(of: nil, \.connections) == [5, 6, 6, 6, 6, 6, 4])
        // A gap behind the beginning stays.
        history.add(Self.sample(connections: 40), at: begin + 80)
        #expect(history.isKnown().count == 81 && history.isKnown().count { !$0 } == 40)
    }

    @Test("A clock that jumps: back, it begins anew from there; ahead, the hour is over")
    func clock() {
        var history = GatewayHistory()
        for tick in 0..<10 { history.add(Self.sample(connections: Double(tick)), at: begin + tick) }
        history.pass(to: begin + 5)
        #expect(history.hour(of: nil).map(\.tick).max() == begin + 5)
        history.add(Self.sample(connections: 20), at: begin + 3)
        #expect(history.hour(of: nil).map(\.tick) == Array(begin...(begin + 3)))
        #expect(history.hour(of: nil).last?.seconds == nil)
        #expect(history.columns(of: "dbt_1", \.connections).count == 5)
        history.add(Self.sample(connections: 21), at: begin + 3)
        #expect(history.hour(of: nil).count == 4, "the same tick again is in its place")
        history.add(Self.sample(connections: 30), at: begin * 2)
        #expect(history.hour(of: nil).map(\.tick) == [begin * 2])
        #expect(history.total(of: nil).connections == 9)
    }

    @Test("A branch whose route came back counts from zero")
    func returnedBranch() {
        var history = GatewayHistory()
        history.add(Self.sample(connections: 50), at: begin)
        history.add(Self.sample(branch: nil), at: begin + 1)
        history.add(Self.sample(connections: 2), at: begin + 2)
        #expect(history.total(of: "dbt_1").connections == 2)
        history.add(Self.sample(connections: 1), at: begin + 3)
        #expect(history.total(of: "dbt_1").connections == 3, "gone and back between two looks")
        #expect(history.restarts.isEmpty)
    }

    @Test("Idle branches are not kept, and of busy ones no more than the bound")
    func bounds() {
        var history = GatewayHistory()
        var sample = GatewaySample()
        for number in 0..<400 {
            var counts = GatewaySample.Counts()
            counts.sessions = number < 100 ? 0 : 1
            sample.branches["dbt_\(number)"] = counts
        }
        history.add(sample, at: begin)
        #expect(history.busyBranches.count == GatewayHistory.maximumBranches)
        #expect(history.leavesBranchesOut)
        #expect(history.total(of: nil).sessions == 300, "all are in the total")
        for id in sample.branches.keys { sample.branches[id]?.sessions = 0 }
        for tick in 1...(GatewayHistory.length + 10) { history.add(sample, at: begin + tick) }
        #expect(history.busyBranches.isEmpty)
        #expect(!history.leavesBranchesOut)
    }

    @Test("Quantiles are of what was measured in between")
    func quantiles() throws {
        func sample(_ counts: [Double]) -> GatewaySample {
            var sample = Self.sample()
            sample.dials = DurationBuckets(zip([0.1, 0.2, 0.4, .infinity], counts).map { (bound: $0, count: $1) })
            return sample
        }
        var history = GatewayHistory()
        history.add(sample([1_000, 1_000, 1_000, 1_000]), at: begin)
        history.add(sample([1_000, 1_010, 1_010, 1_010]), at: begin + 1)
        #expect(history.quantiles(0.5) { $0.dials }.last == 0.15000000000000002)
        history.add(sample([1_000, 1_010, 1_030, 1_030]), at: begin + 2)
        // 10 between 0.1 and 0.2, 20 between 0.2 and 0.4: the 15th is a quarter into the latter.
        let half = try #require(history.quantiles(0.5) { $0.dials }.last ?? nil)
        #expect(abs(half - 0.25) < 1e-9)
        #expect(history.durations { $0.dials }?.total == 30)
        #expect(history.quantiles(0.5) { $0.handshakes }.allSatisfy { $0 == nil })
        // The bucket without an end has that of the one before.
        history.add(sample([1_000, 1_010, 1_030, 9_000]), at: begin + 3)
        #expect(history.quantiles(0.95) { $0.dials }.last == 0.4)
        // Fewer than before: counted anew, though nothing else says so.
        history.add(sample([0, 0, 5, 5]), at: begin + 4)
        #expect(history.durations { $0.dials }?.total == 8_000)
    }

    @Test("Buckets that are none")
    func buckets() {
        #expect(DurationBuckets([]) == nil)
        #expect(DurationBuckets([(bound: 1, count: 1)]) == nil, "without an infinite one")
        let many = (0..<100).map { (bound: Double($0), count: 1.0) } + [(bound: Double.infinity, count: 1.0)]
        #expect(DurationBuckets(many) == nil)
        let only = DurationBuckets([(bound: .infinity, count: 5)])
        #expect(only?.quantile(0.5) == nil, "nothing is known of how long")
        let falling = DurationBuckets([(bound: 1, count: 5), (bound: 2, count: 3), (bound: .infinity, count: 6)])
        #expect(falling?.counts == [5, 5, 6])
        for part in [0, 0.5, 1] { #expect(falling?.quantile(part)?.isFinite == true) }
        let none = DurationBuckets([(bound: 1, count: 0), (bound: .infinity, count: 0)])
        #expect(none?.quantile(0.5) == nil)
    }

    @Test("A sample is read from what the gateway writes; without its own series it is none of a gateway's")
    func scrape() throws {
        let text = """
            postgres_gateway_startups_active 2
            postgres_gateway_connections_active{target="dbt_1"} 3
            postgres_gateway_sessions_total{target="dbt_1"} 40
            postgres_gateway_bytes_total{direction="in",target="dbt_1"} 100
            postgres_gateway_bytes_total{direction="out",target="dbt_1"} 2e3
            postgres_gateway_bytes_total{direction="up",target="dbt_1"} 7
            postgres_gateway_backend_dial_errors_total{reason="refused",target="dbt_1"} 1
            postgres_gateway_backend_dial_errors_total{reason="timeout",target="dbt_1"} 2
            postgres_gateway_authentication_failures_total{target="dbt_1"} 5
            postgres_gateway_connections_total{outcome="unknown_hostname"} 9
            postgres_gateway_connections_total{outcome="relayed"} NaN
            postgres_gateway_connections_total{outcome="probe"} -4
            postgres_gateway_handshake_errors_total{reason="a"} 1
            postgres_gateway_handshake_errors_total{reason="b"} 2
            postgres_gateway_handshake_duration_seconds_bucket{le="0.1"} 4
            postgres_gateway_handshake_duration_seconds_bucket{le="+Inf"} 6
            postgres_gateway_handshake_duration_seconds_bucket{le="x"} 6
            postgres_gateway_handshake_duration_seconds_sum 6
            process_start_time_seconds 1.7e9
            """
        let read = PrometheusSamples(Array(text.utf8), names: GatewaySample.names)
        #expect(read.faults == 0)
        let sample = try #require(GatewaySample(read))
        var counts = GatewaySample.Counts()
        (counts.sessions, counts.connections, counts.bytesIn, counts.bytesOut) = (3, 40, 100, 2_000)
        (counts.dialErrors, counts.failedLogins) = (3, 5)
        #expect(sample.branches == ["dbt_1": counts])
        #expect(sample.outcomes == ["unknown_hostname": 9])
        #expect(sample.failedHandshakes == 3)
        #expect(sample.handshakes?.counts == [4, 6] && sample.dials == nil)
        #expect(sample.startTime == 1.7e9)
        let other = PrometheusSamples(Array("process_start_time_seconds 1\nup 1\n".utf8), names: GatewaySample.names)
        #expect(GatewaySample(other) == nil)
    }

    @Test("Outcomes are a bounded set, whoever sends them")
    func outcomes() throws {
        let lines = (0..<500).map { "postgres_gateway_connections_total{outcome=\"o\($0)\"} 1" }
        let text = (["postgres_gateway_startups_active 0"] + lines).joined(separator: "\n")
        let sample = try #require(GatewaySample(PrometheusSamples(Array(text.utf8), names: GatewaySample.names)))
        #expect(sample.outcomes.count == 64)
    }

    @Test("The recorder keeps what it hears, and passes over what it does not")
    func recorder() async {
        let answers = Answers([Self.sample(connections: 1), nil, Self.sample(connections: 3)])
        let recorder = GatewayRecorder { await answers.next() }
        for tick in 0..<3 { await recorder.look(at: begin + tick) }
        let history = await recorder.history
        #expect(history.hour(of: nil).map(\.tick) == [begin, begin + 2])
        #expect(history.total(of: nil).connections == 2)
        #expect(history.now == begin + 2)
    }

    private actor Answers {
        private var left: [GatewaySample?]
        init(_ answers: [GatewaySample?]) { left = answers }
        func next() -> GatewaySample? { left.isEmpty ? nil : left.removeFirst() }
    }
}
