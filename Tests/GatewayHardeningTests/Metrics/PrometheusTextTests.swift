import GatewayContract
import GatewayHardening
import NIOCore
import Testing

@Suite struct PrometheusTextTests {
    @Test("Values of labels are escaped, and a family has its help and type once")
    func escaping() {
        var text = PrometheusText()
        text.add(.connectionsActive, [.init(["a\"b\\c\nd"], 3), .init(["ü"], 0)])
        #expect(
            text.text == """
                # HELP postgres_gateway_connections_active \(MetricName.connectionsActive.help)
                # TYPE postgres_gateway_connections_active gauge
                postgres_gateway_connections_active{target="a\\"b\\\\c\\nd"} 3
                postgres_gateway_connections_active{target="ü"} 0

                """
        )
    }

    @Test("A family without a series is left out; one without labels has no braces; labels are in their order")
    func families() {
        var text = PrometheusText()
        text.add(.sessions, [])
        #expect(text.text.isEmpty)
        text.add(.routeMisses, 12)
        text.add(.processCPU, 0.25)
        text.add(.bytes, [.init(["in", "dbt_dev"], 9_007_199_254_740_993)])
        let lines = text.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(
            lines == [
                "postgres_gateway_route_misses_total 12", "process_cpu_seconds_total 0.25",
                #"postgres_gateway_bytes_total{direction="in",target="dbt_dev"} 9007199254740993"#,
            ]
        )
    }

    @Test("A closed set has all of its series, those without a count at zero")
    func closedSet() {
        var text = PrometheusText()
        text.add(.routeReloads, [ReloadOutcome.failed: 2])
        #expect(text.text.contains("\npostgres_gateway_route_reloads_total{result=\"loaded\"} 0\n"))
        #expect(text.text.contains("\npostgres_gateway_route_reloads_total{result=\"failed\"} 2\n"))
    }

    @Test("A histogram: cumulative buckets in seconds, the one without a bound, sum and count")
    func histogram() {
        let histogram = LoopHistogram(.init([.microseconds(250), .milliseconds(1), .seconds(60)]))
        for microseconds in [100, 500, 2_000, 61_000_000] { histogram.observe(.microseconds(Int64(microseconds))) }
        var text = PrometheusText()
        text.add(.sessionDuration, histogram.current)
        let name = MetricName.sessionDuration.rawValue
        #expect(
            text.text == """
                # HELP \(name) \(MetricName.sessionDuration.help)
                # TYPE \(name) histogram
                \(name)_bucket{le="0.00025"} 1
                \(name)_bucket{le="0.001"} 2
                \(name)_bucket{le="60.0"} 3
                \(name)_bucket{le="+Inf"} 4
                \(name)_sum 61.0026
                \(name)_count 4

                """
        )
    }
}
