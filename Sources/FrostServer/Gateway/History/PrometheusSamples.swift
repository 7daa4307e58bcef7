/// The series of a scrape in Prometheus's text format 0.0.4, as far as somebody wants them.
///
/// Reads what any program may send: a line that is not understood, or is one too many, is counted in ``faults`` and left out.
/// Comments, types and time stamps are ignored.
package struct PrometheusSamples: Sendable {
    package struct Series: Hashable, Sendable {
        package var name: String
        package var labels: [String: String]
        /// May be infinite, or no number at all.
        package var value: Double
    }

    package private(set) var series: [Series] = []
    /// Lines that are left out though they may have been wanted.
    package private(set) var faults = 0

    /// Series that are kept; a branch has about twelve.
    package static let maximumSeries = 100_000
    /// In bytes.
    package static let maximumLine = 4_096
    package static let maximumLabels = 8

    /// - Parameter names: of the series that are wanted; lines of others are not looked at any further.
    package init(_ text: [UInt8], names: Set<String>) {
        for line in text.split(separator: UInt8(ascii: "\n")) {
            guard line.count <= Self.maximumLine else {
                faults += 1
                continue
            }
            var reader = SeriesReader(rest: line)
            guard reader.hasSeries else { continue }
            guard let name = reader.name() else {
                faults += 1
                continue
            }
            guard names.contains(name) else { continue }
            guard series.count < Self.maximumSeries, let labels = reader.labels(), let value = reader.value() else {
                faults += 1
                continue
            }
            series.append(Series(name: name, labels: labels, value: value))
        }
    }
}

/// Reads one line from left to right.
private struct SeriesReader {
    var rest: ArraySlice<UInt8>

    /// Whether the line is neither empty nor a comment.
    var hasSeries: Bool {
        mutating get {
            skipSpace()
            return !rest.isEmpty && rest.first != UInt8(ascii: "#")
        }
    }

    mutating func name() -> String? {
        let name = rest.prefix { Self.isNameByte($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let first = name.first, Self.isNameByte(first) else { return nil }
        rest = rest[name.endIndex...]
        return String(decoding: name, as: UTF8.self)
    }

    /// Empty when there are none; nil when they cannot be read.
    mutating func labels() -> [String: String]? {
        skipSpace()
        guard take("{") else { return [:] }
        var labels: [String: String] = [:]
        while true {
            skipSpace()
            if take("}") { return labels }
            guard labels.count < PrometheusSamples.maximumLabels, let name = name() else { return nil }
            skipSpace()
            guard take("=") else { return nil }
            skipSpace()
            guard let value = quoted(), labels.updateValue(value, forKey: name) == nil else { return nil }
            skipSpace()
            if !take(","), rest.first != UInt8(ascii: "}") { return nil }
        }
    }

    mutating func value() -> Double? {
        skipSpace()
        let number = word()
        // The initializer takes what comes before a null byte for all.
        guard !number.utf8.contains(0), let value = Double(number) else { return nil }
        skipSpace()
        // A time stamp may follow, and nothing else.
        guard rest.isEmpty || Int64(word()) != nil else { return nil }
        skipSpace()
        return rest.isEmpty ? value : nil
    }

    private mutating func quoted() -> String? {
        guard take("\"") else { return nil }
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"):
                switch rest.popFirst() {
                case UInt8(ascii: "n"): bytes.append(UInt8(ascii: "\n"))
                case let other? where [UInt8(ascii: "\\"), UInt8(ascii: "\"")].contains(other): bytes.append(other)
                default: return nil
                }
            default: bytes.append(byte)
            }
        }
        return nil
    }

    private mutating func word() -> String {
        let word = rest.prefix { !Self.isSpace($0) }
        rest = rest[word.endIndex...]
        return String(decoding: word, as: UTF8.self)
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func skipSpace() { rest = rest.drop(while: Self.isSpace) }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: ":"):
            true
        default: false
        }
    }
}
