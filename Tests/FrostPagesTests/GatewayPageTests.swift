import Testing

@testable import FrostPages

/// The page of the gateway, and its charts.
@Suite struct GatewayPageTests {
    private let pages: PageRenderer

    init() throws {
        pages = try PageRenderer()
    }

    private static func chart(
        _ form: TimeChart.Form = .lines,
        _ unit: ChartUnit = .count,
        _ series: [TimeChart.Series],
        known: [Bool]? = nil,
        stretch: Int = 900,
        title: String = "Sessions"
    ) -> TimeChart {
        TimeChart(
            id: "chart-x",
            title: title,
            form: form,
            unit: unit,
            series: series,
            stretch: stretch,
            known: known ?? Array(repeating: true, count: series.first?.values.count ?? 4),
            summary: title
        )
    }

    private static func view(
        named name: String,
        rows: Int = 1,
        of count: Int? = nil,
        branch: Bool = false
    ) -> GatewayPageView {
        let moment = Moment(iso: name, text: name)
        return GatewayPageView(
            shell: Shell(projects: [], version: "1.0", assetVersion: "1"),
            gateway: GatewaySummary(isEnabled: true, port: 5432, wildcardBase: name),
            branch: branch ? Choice(value: "dbt_1", title: name) : nil,
            figures: [GatewayFigure("sessions", "Sessions now", name)],
            kept: name,
            charts: [chart(.columns, .count, [.init(name, [1, nil, 2, 0]), .init(name, [1, 2, 3, 4])], title: name)],
            branches: GatewayBranchesView(
                rows: (0..<rows).map { number in
                    .init(
                        id: "dbt_\(number)",
                        name: name,
                        href: number == 1 ? nil : "/gateway?branch=dbt_\(number)",
                        sessions: "1",
                        connections: "2",
                        errors: "3",
                        bytesIn: "4",
                        bytesOut: "5",
                        sparkline: Sparkline.svg([0, 1, nil, 2])
                    )
                },
                of: count ?? rows,
                rest: name
            ),
            refusals: [
                RefusalRow(
                    code: name,
                    reason: name,
                    branch: Choice(value: "dbt_1", title: name),
                    hostname: name,
                    count: "1",
                    last: moment,
                    hint: name
                ),
                RefusalRow(
                    code: "x",
                    reason: "x",
                    branch: nil,
                    hostname: nil,
                    count: "1",
                    last: moment,
                    hint: "x"
                ),
            ],
            limits: [
                LimitRow(variable: name, text: name, dot: StatusDot(status: "failed", text: "Reached"))
            ],
            certificates: nil
        )
    }

    @Test(arguments: [
        "<script>alert(1)</script>", "\"><img src=x>", "' a='b", "a\"\u{301} x=\"", "]]><!--", "{{shell}}",
    ])
    func `A hostile name stays text, in charts as well`(name: String) throws {
        for branch in [false, true] {
            let html = pages.gateway(Self.view(named: name, branch: branch))
            try check(html)
            if name != "{{shell}}" { #expect(!html.unicodeScalars.contains(name.unicodeScalars)) }
            #expect(try tags(of: html).allSatisfy { $0.name != "img" })
        }
    }

    @Test
    func `A chart has a name, a description, a scale and times, and no sizes in style attributes`() throws {
        let chart = Self.chart(.lines, .bytesPerSecond, [.init("In", [0, 1_500, nil, 3_000])])
        let all = try tags(of: chart.svg)
        #expect(all.first?.attributes["role"] == "img")
        #expect(chart.svg.contains(#"<title id="chart-x-name">Sessions</title><desc id="chart-x-summary">"#))
        for text in ["4 kB/s", "2 kB/s", "1 h", "30 min", "now"] { #expect(chart.svg.contains(">\(text)<")) }
        // The policy of the pages allows no style attributes.
        #expect(all.allSatisfy { $0.attributes["style"] == nil && $0.name != "style" })
        #expect(!chart.hasLegend, "one series needs no legend")
    }

    @Test(arguments: [
        (300, ["4 min", "2 min", "now"]), (250, ["4 min", "3 min", "2 min", "1 min", "now"]),
        (420, ["6 min", "4 min", "2 min", "now"]), (1_500, ["20 min", "10 min", "now"]),
        (3_590, ["45 min", "30 min", "15 min", "now"]), (3_600, ["1 h", "45 min", "30 min", "15 min", "now"]),
    ])
    func `A chart has the times of its own length`(seconds: Int, times: [String]) {
        let chart = Self.chart(.lines, .count, [.init("a", Array(repeating: 1, count: seconds / 10))], stretch: 10)
        let texts = chart.svg.split(separator: "</text>").compactMap { $0.split(separator: ">").last.map(String.init) }
        #expect(texts.filter { $0.hasSuffix("min") || $0.hasSuffix(" h") || $0 == "now" } == times)
    }

    @Test
    func `What is not known is a gap, with a legend`() {
        let chart = Self.chart(.lines, .count, [.init("a", [1, nil, nil, 3])], known: [true, false, false, true])
        #expect(chart.legend.map(\.name) == ["No data"])
        #expect(chart.svg.contains(#"class="chart-gap" vector-effect="non-scaling-stroke" d="M900 0H2700V1000H900Z""#))
        let whole = Self.chart(.lines, .count, [.init("a", [1, 1, 1, 1])])
        #expect(!whole.svg.contains("chart-gap") && whole.legend.isEmpty)
    }

    @Test(
        arguments: [
            ([nil, nil], ""), ([1, 1], "M0 500H3600"), ([nil, 1], "M1800 500H3600"), ([2, nil], "M0 0H1800"),
            ([2, nil, 0, nil], "M0 0H900M1800 1000H2700"), ([0, 2], "M0 1000H1800L2700 0H3600"),
        ] as [([Double?], String)]
    )
    func `A line has its runs, and one value is a stroke as well`(values: [Double?], path: String) {
        #expect(TimeChart.line(values, top: 2) == path)
    }

    @Test
    func `Equal values are one stroke, so that a quiet hour costs nothing`() {
        #expect(TimeChart.line(Array(repeating: 1, count: 360), top: 2) == "M0 500H3600")
        #expect(Sparkline.svg(Array(repeating: 0, count: 60)).utf8.count < 300)
    }

    @Test(arguments: [
        (ChartUnit.count, 0, "2"), (.count, 1, "2"), (.count, 3, "4"), (.count, 7, "8"), (.count, 11, "20"),
        (.count, 999, "1000"), (.bytesPerSecond, 0, "20 B/s"), (.bytesPerSecond, 70_000, "80 kB/s"),
        (.bytesPerSecond, 3.5e9, "4 GB/s"), (.seconds, 0, "200 µs"), (.seconds, 0.0031, "4 ms"), (.seconds, 1.5, "2 s"),
    ])
    func `Scales are round`(unit: ChartUnit, highest: Double, top: String) {
        #expect(unit.text(unit.top(for: highest)) == top)
        #expect(unit.top(for: highest) >= highest)
    }

    @Test(
        arguments: [-1, .infinity, -.infinity, .nan, 1e300, .greatestFiniteMagnitude, .leastNonzeroMagnitude]
            as [Double]
    )
    func `Numbers that no chart has are drawn somewhere in it`(value: Double) throws {
        for form in [TimeChart.Form.lines, .columns] {
            for unit in [ChartUnit.count, .bytesPerSecond, .seconds] {
                let chart = Self.chart(form, unit, [.init("a", [value, 1, nil]), .init("b", [value])])
                _ = try tags(of: chart.svg)
                #expect(!chart.svg.contains("nan") && !chart.svg.contains("inf"))
            }
        }
        _ = try tags(of: Sparkline.svg([value, nil]))
    }

    @Test
    func `No values, no series, and too many series`() throws {
        _ = try tags(of: Self.chart(.columns, .count, []).svg)
        _ = try tags(of: Self.chart(.columns, .count, [], known: []).svg)
        _ = try tags(of: Sparkline.svg([]))
        let many = (0..<20).map { TimeChart.Series("s\($0)", [1, 2, 3]) }
        #expect(Self.chart(.columns, .count, many).legend.count == TimeChart.maximumSeries)
    }

    @Test
    func `Two hundred branches: the first are there, the others on request`() throws {
        let html = pages.gateway(Self.view(named: "dev", rows: 20, of: 200))
        try check(html)
        #expect(html.contains("Show all 200 branches"))
        let all = pages.gateway(Self.view(named: "dev", rows: 200))
        try check(all)
        #expect(!all.contains("Show all"))
        #expect(all.utf8.count < 400_000)
    }
}
