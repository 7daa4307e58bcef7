/// A chart of the time until now, as an SVG element that needs no script and no size: it is as wide as its place, and its
/// text is as large as that of the page.
package struct TimeChart: Sendable {
    package enum Form: Sendable {
        case lines
        /// One on the other.
        case columns
    }

    package struct Series: Sendable {
        /// As text; it is escaped where it is shown.
        package var name: String
        /// Equally long stretches, the oldest first; nil where there is nothing to show.
        package var values: [Double?]

        package init(_ name: String, _ values: [Double?]) {
            self.name = name
            self.values = values
        }
    }

    package struct LegendEntry: Sendable {
        package let name: String
        /// A class of the style sheet.
        package let tone: String
    }

    package let id: String
    package let title: String
    /// The numbers of the chart in a sentence or two.
    package let summary: String
    /// HTML.
    package let svg: String
    package let legend: [LegendEntry]
    package let hasLegend: Bool

    /// Series that have colours of their own.
    package static let maximumSeries = 6
    /// Of the plot, in units of its own.
    private static let width = 3_600
    private static let height = 1_000
    /// Where the plot is, in pixels.
    private static let plotTop = 16
    private static let plotHeight = 112

    /// - Parameters:
    ///   - id: a name for attributes of HTML.
    ///   - stretch: the length of each stretch, in seconds.
    ///   - known: the stretches of which something is known, as many as values; the others are shown as gaps.
    package init(
        id: String,
        title: String,
        form: Form,
        unit: ChartUnit,
        series: [Series],
        stretch: Int,
        known: [Bool],
        summary: String
    ) {
        let series = Array(series.prefix(Self.maximumSeries))
        self.id = id
        self.title = title
        self.summary = summary
        let hasGaps = known.contains(false)
        let tones = series.indices.map { "tone-\($0 + 1)" }
        legend =
            (series.count > 1 ? zip(series, tones).map { LegendEntry(name: $0.name, tone: $1) } : [])
            + (hasGaps ? [LegendEntry(name: "No data", tone: "tone-gap")] : [])
        hasLegend = !legend.isEmpty
        let sums = known.indices.map { index in series.map { Self.value($0, index) ?? 0 } }
        let highest =
            switch form {
            case .lines: sums.map { $0.max() ?? 0 }.max() ?? 0
            case .columns: sums.map { $0.reduce(0, +) }.max() ?? 0
            }
        let top = unit.top(for: highest)
        var paths = Self.path("chart-gap", Self.gaps(known))
        let middle = Self.height / 2
        paths += Self.path("chart-grid", "M0 0H\(Self.width)M0 \(middle)H\(Self.width)M0 \(Self.height)H\(Self.width)")
        switch form {
        case .lines:
            for (line, tone) in zip(series, tones) {
                paths += Self.path(
                    "chart-line \(tone)",
                    Self.line(known.indices.map { Self.value(line, $0) }, top: top)
                )
            }
        case .columns:
            for (path, tone) in zip(Self.columns(sums, top: top), tones) {
                paths += Self.path("chart-column \(tone)", path)
            }
        }
        let escape = ScalarEscapedHTML().escapeText
        svg =
            """
            <svg class="chart" width="100%" height="150" role="img" aria-labelledby="\(id)-name" aria-describedby="\(id)-summary">\
            <title id="\(id)-name">\(escape(title))</title><desc id="\(id)-summary">\(escape(summary))</desc>\
            <svg x="0" y="\(Self.plotTop)" width="100%" height="\(Self.plotHeight)" \
            viewBox="0 0 \(Self.width) \(Self.height)" preserveAspectRatio="none" aria-hidden="true">\(paths)</svg>\
            <g class="chart-text" aria-hidden="true">\(Self.labels(top: top, unit, seconds: known.count * stretch))</g></svg>
            """
    }

    private static func path(_ style: String, _ path: String) -> String {
        path.isEmpty ? "" : #"<path class="\#(style)" vector-effect="non-scaling-stroke" d="\#(path)"/>"#
    }

    /// Values above the lines of the grid, and times below the plot.
    ///
    /// - Parameter seconds: of the whole chart.
    private static func labels(top: Double, _ unit: ChartUnit, seconds: Int) -> String {
        let values = [(plotTop, top), (plotTop + plotHeight / 2, top / 2)].map { y, value in
            #"<text x="0" y="\#(y - 4)">\#(ScalarEscapedHTML().escapeText(unit.text(value)))</text>"#
        }
        return values.joined()
            + times(seconds).map { percent, text in
                // Those at the edges stay within.
                let anchor = percent < 6 ? "start" : percent > 94 ? "end" : "middle"
                return
                    #"<text x="\#(percent)%" y="\#(plotTop + plotHeight + 16)" text-anchor="\#(anchor)">\#(text)</text>"#
            }
            .joined()
    }

    /// At most four times before now, which fit a narrow page, all as far from each other, and where they are.
    private static func times(_ seconds: Int) -> [(percent: Int, text: String)] {
        let minutes = seconds / 60
        let step = [1, 2, 5, 10].first { minutes / $0 <= 4 } ?? 15
        let before = stride(from: minutes / step * step, to: 0, by: -step).map { minute in
            (100 - minute * 6_000 / seconds, minute == 60 ? "1 h" : "\(minute) min")
        }
        return before + [(100, "now")]
    }

    private static func value(_ series: Series, _ index: Int) -> Double? {
        guard series.values.indices.contains(index), let value = series.values[index], value.isFinite else {
            return nil
        }
        return max(0, value)
    }

    /// Where a stretch begins; that of the number of stretches is the end.
    private static func x(_ index: Int, of count: Int) -> Int { index * width / max(1, count) }

    private static func y(_ value: Double, top: Double) -> Int {
        height - Int((min(1, value / top) * Double(height)).rounded())
    }

    private static func gaps(_ known: [Bool]) -> String {
        var path = ""
        var start: Int?
        for index in 0...known.count {
            if index < known.count, !known[index] {
                start = start ?? index
            } else if let begin = start {
                let (from, to) = (x(begin, of: known.count), x(index, of: known.count))
                path += "M\(from) 0H\(to)V\(height)H\(from)Z"
                start = nil
            }
        }
        return path
    }

    /// Each run of values from its first stretch's begin to its last one's end; equal values are one stroke.
    static func line(_ values: [Double?], top: Double) -> String {
        var path = ""
        var last: Int?
        for (index, value) in values.enumerated() {
            guard let value else {
                if last != nil { path += "H\(x(index, of: values.count))" }
                last = nil
                continue
            }
            let y = y(value, top: top)
            let begin = x(index, of: values.count)
            if last == nil {
                path += "M\(begin) \(y)"
            } else if last != y {
                // Straight on to the end of the stretch before, then up or down within this one.
                path += "H\(begin)L\((begin + x(index + 1, of: values.count)) / 2) \(y)"
            }
            last = y
        }
        return last == nil ? path : path + "H\(width)"
    }

    /// One path for each series.
    ///
    /// - Parameter values: by stretch, and by series in it.
    private static func columns(_ values: [[Double]], top: Double) -> [String] {
        var paths = [String](repeating: "", count: values.first?.count ?? 0)
        for (index, stack) in values.enumerated() {
            let (from, to) = (x(index, of: values.count) + 8, x(index + 1, of: values.count) - 8)
            var below = 0.0
            for (series, value) in stack.enumerated() where value > 0 {
                let low = y(below, top: top)
                below += value
                // The smallest is still seen.
                let high = min(y(below, top: top), low - 12)
                paths[series] += "M\(from) \(low)V\(high)H\(to)V\(low)Z"
            }
        }
        return paths
    }
}

/// A chart in a row of a table, for those who see it: its numbers stand beside it.
package enum Sparkline {
    /// - Parameter values: equally long stretches, the oldest first; nil where nothing is known.
    /// - Returns: HTML.
    package static func svg(_ values: [Double?]) -> String {
        let values = values.map { value in value.flatMap { $0.isFinite ? max(0, $0) : nil } }
        let top = max(1, values.compactMap { $0 }.max() ?? 1)
        let path = TimeChart.line(values, top: top)
        return """
            <svg class="sparkline" viewBox="0 0 3600 1000" preserveAspectRatio="none" aria-hidden="true">\
            <path class="chart-line tone-1" vector-effect="non-scaling-stroke" d="\(path)"/></svg>
            """
    }
}
