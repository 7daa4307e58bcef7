package import GatewayContract
import NIOCore

/// Metrics in Prometheus's text format 0.0.4, family by family.
package struct PrometheusText: Sendable {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// One series and its value. The labels' values are in the order of ``MetricName/labels``.
    package struct Sample: Sendable {
        let labels: [String]
        let value: String

        package init(_ labels: [String], _ value: Int) {
            self.labels = labels
            self.value = String(value)
        }

        package init(_ labels: [String], _ value: Double) {
            self.labels = labels
            self.value = String(value)
        }
    }

    package private(set) var text = ""

    package init() {}

    /// A family; one without a series is left out.
    package mutating func add(_ name: MetricName, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        addHead(name)
        for sample in samples {
            addSeries(name.rawValue, zip(name.labels.map(\.rawValue), sample.labels).map { ($0, $1) }, sample.value)
        }
    }

    package mutating func add(_ name: MetricName, _ value: Int) { add(name, [Sample([], value)]) }

    package mutating func add(_ name: MetricName, _ value: Double) { add(name, [Sample([], value)]) }

    /// A family with one series for each label of a closed set, those that have no count included.
    package mutating func add<Label: CaseIterable & Hashable>(
        _ name: MetricName,
        _ counts: [Label: Int],
        label: (Label) -> String
    ) {
        add(name, Label.allCases.map { Sample([label($0)], counts[$0, default: 0]) })
    }

    package mutating func add<Label: CaseIterable & Hashable & RawRepresentable<String>>(
        _ name: MetricName,
        _ counts: [Label: Int]
    ) {
        add(name, counts) { $0.rawValue }
    }

    package mutating func add(_ name: MetricName, _ histogram: Histogram) {
        addHead(name)
        for (bound, count) in zip(histogram.buckets.bounds, histogram.cumulativeCounts) {
            addSeries("\(name.rawValue)_bucket", [("le", String(Self.seconds(bound)))], String(count))
        }
        let count = String(histogram.count)
        addSeries("\(name.rawValue)_bucket", [("le", "+Inf")], count)
        addSeries("\(name.rawValue)_sum", [], String(Self.seconds(histogram.sum)))
        addSeries("\(name.rawValue)_count", [], count)
    }

    private static func seconds(_ time: TimeAmount) -> Double { Double(time.nanoseconds) / 1e9 }

    private mutating func addHead(_ name: MetricName) {
        text += "# HELP \(name.rawValue) \(Self.escape(name.help))\n# TYPE \(name.rawValue) \(name.kind.rawValue)\n"
    }

    private mutating func addSeries(_ name: String, _ labels: [(name: String, value: String)], _ value: String) {
        text += name
        if !labels.isEmpty {
            text += "{"
            text += labels.map { "\($0.name)=\"\(Self.escape($0.value).replacing("\"", with: "\\\""))\"" }
                .joined(separator: ",")
            text += "}"
        }
        text += " \(value)\n"
    }

    /// Backslash and line feed; quotation marks are escaped in values of labels alone.
    private static func escape(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\n") }) else { return text }
        return text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }
}
