import FrostPages

/// The charts of the gateway's page.
struct GatewayCharts {
    let history: GatewayHistory
    /// nil for the gateway as a whole.
    let branch: String?

    var all: [TimeChart] {
        guard branch != nil else {
            return [
                sessions, connections, refusals, bytes,
                latency("handshakes", "TLS handshake time", \.handshakes),
                latency("dials", "Time to connect to a branch", \.dials),
            ]
        }
        return [sessions, connections, errors, bytes]
    }

    private var sessions: TimeChart {
        let values = history.line(of: branch) { $0.counts.sessions }
        return TimeChart(
            id: "chart-sessions",
            title: "Sessions",
            form: .lines,
            unit: .count,
            series: [.init("Sessions", values)],
            stretch: GatewayHistory.interval,
            known: history.isKnown(),
            summary: Self.nowAndHighest(values, .count)
        )
    }

    private var connections: TimeChart {
        let values = history.columns(of: branch, \.connections)
        return TimeChart(
            id: "chart-connections",
            title: "Connections per minute",
            form: .columns,
            unit: .count,
            series: [.init("Connections", values)],
            stretch: GatewayHistory.columnLength * GatewayHistory.interval,
            known: history.isColumnKnown(),
            summary: Self.totalAndHighest(values)
        )
    }

    private var bytes: TimeChart {
        func rate(_ bytes: @escaping (GatewaySample.Counts) -> Double) -> [Double?] {
            history.line(of: branch) { point in point.seconds.map { bytes(point.counts) / $0 } }
        }
        let (fromClients, toClients) = (rate(\.bytesIn), rate(\.bytesOut))
        let unit = ChartUnit.bytesPerSecond
        return TimeChart(
            id: "chart-bytes",
            title: "Bytes per second",
            form: .lines,
            unit: unit,
            series: [.init("From clients", fromClients), .init("To clients", toClients)],
            stretch: GatewayHistory.interval,
            known: history.isKnown(),
            summary: "From clients: \(Self.nowAndHighest(fromClients, unit, isInSentence: true)) "
                + "To clients: \(Self.nowAndHighest(toClients, unit, isInSentence: true))"
        )
    }

    /// By reason, those that are most first; many reasons are one.
    private var refusals: TimeChart {
        let reasons = history.outcomes.filter { RefusalText.titles[$0.key] != nil }
            .sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let apart = reasons.count > TimeChart.maximumSeries ? TimeChart.maximumSeries - 1 : reasons.count
        var series = reasons.prefix(apart).map { reason, _ in
            TimeChart.Series(RefusalText.title(reason), history.columns(outcomes: [reason]))
        }
        let others = reasons.dropFirst(apart)
        if !others.isEmpty { series.append(.init("Other", history.columns(outcomes: Set(others.map(\.key))))) }
        var words = reasons.prefix(apart).map { "\(RefusalText.title($0)): \(ChartUnit.number($1))" }
        if !others.isEmpty { words.append("Other: \(ChartUnit.number(others.reduce(0) { $0 + $1.value }))") }
        return TimeChart(
            id: "chart-refusals",
            title: "Refusals per minute",
            form: .columns,
            unit: .count,
            series: series,
            stretch: GatewayHistory.columnLength * GatewayHistory.interval,
            known: history.isColumnKnown(),
            summary: words.isEmpty ? "None in the last hour." : words.joined(separator: ". ") + "."
        )
    }

    /// Of a branch.
    private var errors: TimeChart {
        let (logins, dials) = (history.columns(of: branch, \.failedLogins), history.columns(of: branch, \.dialErrors))
        let total = history.total(of: branch)
        let (failedLogins, failedDials) = (ChartUnit.number(total.failedLogins), ChartUnit.number(total.dialErrors))
        return TimeChart(
            id: "chart-errors",
            title: "Failures per minute",
            form: .columns,
            unit: .count,
            series: [.init("Failed logins", logins), .init("Server unreachable", dials)],
            stretch: GatewayHistory.columnLength * GatewayHistory.interval,
            known: history.isColumnKnown(),
            summary:
                "In the last hour \(failedLogins) logins failed, and the server was unreachable \(failedDials) times."
        )
    }

    private func latency(
        _ name: String,
        _ title: String,
        _ buckets: (GatewayHistory.Whole) -> DurationBuckets?
    ) -> TimeChart {
        let durations = history.durations(of: buckets)
        let unit = ChartUnit.seconds
        let summary =
            if let durations, let half = durations.quantile(0.5), let most = durations.quantile(0.95) {
                "In the last hour half took at most \(unit.text(half)), and 95 of 100 at most \(unit.text(most)). "
                    + "Measured \(ChartUnit.number(durations.total)) times."
            } else {
                "None measured in the last hour."
            }
        return TimeChart(
            id: "chart-\(name)",
            title: title,
            form: .lines,
            unit: unit,
            series: [
                .init("p50", history.quantiles(0.5, of: buckets)), .init("p95", history.quantiles(0.95, of: buckets)),
            ],
            stretch: GatewayHistory.columnLength * GatewayHistory.interval,
            known: history.isColumnKnown(),
            summary: summary
        )
    }

    // MARK: Summaries

    private static func nowAndHighest(_ values: [Double?], _ unit: ChartUnit, isInSentence: Bool = false) -> String {
        guard let highest = values.compactMap({ $0 }).max() else { return "no data." }
        let now = (values.last ?? nil).map { unit.text($0) } ?? "unknown"
        let text = "now \(now), at most \(unit.text(highest))."
        return isInSentence ? text : "\(text.prefix(1).uppercased())\(text.dropFirst())"
    }

    private static func totalAndHighest(_ values: [Double?]) -> String {
        let known = values.compactMap { $0 }
        guard let highest = known.max(), highest > 0 else { return "None in the last hour." }
        let total = ChartUnit.number(known.reduce(0, +))
        return "\(total) in the last hour, at most \(ChartUnit.number(highest)) in a minute."
    }
}
