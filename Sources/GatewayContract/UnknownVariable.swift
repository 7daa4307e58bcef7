/// A variable with the gateway's prefix that is not one of its settings; usually a misspelling.
package struct UnknownVariable: Hashable, Sendable, CustomStringConvertible {
    /// As the environment has it.
    package let name: String
    /// The setting that was probably meant.
    package let suggestion: GatewayVariable?

    /// Those of an environment, in order of their names.
    package static func all(in environment: some Sequence<String>) -> [UnknownVariable] {
        let known = Set(GatewayVariable.allCases.map(\.environmentName))
        return environment.filter { $0.hasPrefix(GatewayVariable.prefix) && !known.contains($0) }.sorted()
            .map { UnknownVariable(name: $0, suggestion: nearest(to: $0.dropFirst(GatewayVariable.prefix.count))) }
    }

    package var description: String {
        let hint = suggestion.map { "; did you mean \($0.environmentName)?" } ?? ""
        return "\(name) is not a setting of the gateway and has no effect\(hint)"
    }

    /// Longer names are not compared.
    private static let longestName = 64

    /// The setting with the smallest edit distance, if it is small for the name's length.
    private static func nearest(to text: Substring) -> GatewayVariable? {
        guard text.utf8.count <= longestName else { return nil }
        let name = Array(text.uppercased().utf8)
        let distances = GatewayVariable.allCases.map { ($0, distance(from: name, to: Array($0.rawValue.utf8))) }
        guard let (variable, distance) = distances.min(by: { $0.1 < $1.1 }) else { return nil }
        return distance <= max(1, variable.rawValue.utf8.count / 4) ? variable : nil
    }

    /// Bytes to be put in, taken out or exchanged (Levenshtein).
    private static func distance(from one: [UInt8], to other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (index, byte) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for (column, candidate) in other.enumerated() {
                let exchanged = diagonal + (byte == candidate ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(exchanged, row[column] + 1, diagonal + 1)
            }
        }
        return row[other.count]
    }
}
