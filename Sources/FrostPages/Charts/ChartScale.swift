/// What the numbers of a chart are, as its axis and its texts write them.
package enum ChartUnit: Sendable {
    case count
    case bytesPerSecond
    case seconds

    /// "12", "3.4 MB/s", "250 ms".
    package func text(_ value: Double) -> String {
        switch self {
        case .count: Self.number(value)
        case .bytesPerSecond: "\(Self.bytes(value))/s"
        case .seconds:
            if value >= 1 {
                "\(Self.number(value)) s"
            } else if value >= 0.001 {
                "\(Self.number(value * 1_000)) ms"
            } else {
                "\(Self.number(value * 1_000_000)) µs"
            }
        }
    }

    /// In units of 1000.
    package static func bytes(_ value: Double) -> String {
        var value = value
        var unit = 0
        let units = ["B", "kB", "MB", "GB", "TB", "PB"]
        while value >= 999.5, unit + 1 < units.count { (value, unit) = (value / 1_000, unit + 1) }
        return "\(number(value)) \(units[unit])"
    }

    /// With one digit behind the point where it is less than 100 and has some.
    package static func number(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "?" }
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 || value >= 100 ? String(Int(value.rounded())) : "\(tenths / 10).\(abs(tenths % 10))"
    }

    /// The end of the axis: the first round number that the highest value fits under, and whose half is round as well.
    func top(for highest: Double) -> Double {
        var power =
            switch self {
            case .count: 1.0
            case .bytesPerSecond: 10.0
            case .seconds: 0.0001
            }
        guard highest.isFinite else { return power * 2 }
        // No value of a double is more than some hundred steps away.
        while true {
            for step in [2.0, 4, 6, 8, 10] where step * power >= highest { return step * power }
            power *= 10
        }
    }
}
