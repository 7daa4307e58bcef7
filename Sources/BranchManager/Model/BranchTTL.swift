/// The time without use after which a branch expires.
package struct BranchTTL: Codable, Hashable, Sendable {
    /// Frost's units.
    package enum Unit: String, Codable, CaseIterable, Sendable {
        case hours
        case days

        var seconds: Int { self == .hours ? 3_600 : 86_400 }
    }

    /// An hour to 365 days, in seconds.
    package static let range = 3_600...31_536_000
    /// Valid values for any unit.
    package static let values = 1...8_760
    /// The page's default.
    package static let usual = BranchTTL(7, .days)

    package let value: Int
    package let unit: Unit

    private init(_ value: Int, _ unit: Unit) {
        self.value = value
        self.unit = unit
    }

    /// - Throws: ``BranchError/invalid(_:)`` for a time outside of ``range``.
    package init(value: Int, unit: Unit) throws(BranchError) {
        let (seconds, isTooLarge) = value.multipliedReportingOverflow(by: unit.seconds)
        guard !isTooLarge, Self.range.contains(seconds) else { throw Self.fault("\(value) \(unit.rawValue)") }
        self.init(value, unit)
    }

    /// Takes a number with the unit h or d, e.g. `7d`.
    ///
    /// - Throws: ``BranchError/invalid(_:)``.
    package init(_ text: String) throws(BranchError) {
        let units: [Character: Unit] = ["h": .hours, "d": .days]
        guard let unit = text.last.flatMap({ units[$0] }), text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }),
            let value = Int(text.dropLast())
        else { throw Self.fault("'\(text.prefix(40))'") }
        try self.init(value: value, unit: unit)
    }

    private static func fault(_ text: String) -> BranchError {
        .invalid("a branch cannot expire after \(text); use 1h to 365d (h: hours, d: days), such as 7d")
    }

    package var seconds: Int { value * unit.seconds }

    /// `7d`, the format of ``init(_:)``.
    package var short: String { "\(value)\(unit == .hours ? "h" : "d")" }

    /// "7 days", "1 hour".
    package var text: String { value == 1 ? "1 \(unit.rawValue.dropLast())" : "\(value) \(unit.rawValue)" }
}
