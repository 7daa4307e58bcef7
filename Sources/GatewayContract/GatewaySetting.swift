/// The description of one setting, as used in `--help`, errors, docs/configuration.md and the unit's environment file.
package protocol GatewaySetting: Sendable {
    var variable: GatewayVariable { get }
    /// The default as one would write it; nil where no value stands for it.
    var defaultValueText: String? { get }
    /// The default in words, where no value says it, or not all of it.
    var defaultNote: String? { get }
    /// Which values it takes, for people.
    var values: String { get }
    /// One sentence.
    var help: String { get }
}

extension GatewaySetting {
    /// The default as shown to users: the value, a note, or both.
    package var defaultText: String {
        [defaultValueText, defaultNote].compactMap { $0 }.joined(separator: ", ")
    }
}

/// Yes or no.
package struct SwitchSetting: GatewaySetting {
    package let variable: GatewayVariable
    package let defaultValue: Bool
    package let help: String

    package var defaultValueText: String? { String(defaultValue) }
    package var defaultNote: String? { nil }
    package var values: String { "true or false" }
}

/// A whole number.
package struct NumberSetting: GatewaySetting {
    package let variable: GatewayVariable
    package let defaultValue: Int
    package var defaultNote: String?
    package let range: ClosedRange<Int>
    /// What 0 means, where it is more than a number.
    package var zero: String?
    package let help: String

    package var defaultValueText: String? { String(defaultValue) }
    package var values: String {
        "\(range.lowerBound) to \(range.upperBound)" + (zero.map { "; 0: \($0)" } ?? "")
    }
}

/// A duration, in whole milliseconds; written with a unit of ms, s, m or h, or in seconds without one.
package struct DurationSetting: GatewaySetting {
    package let variable: GatewayVariable
    package let defaultMilliseconds: Int64
    package let minimumMilliseconds: Int64
    /// What 0 means, where it is more than a duration.
    package var zero: String?
    package let help: String

    /// The longest: a week.
    package static let maximumMilliseconds: Int64 = 7 * 24 * 3_600_000

    package var defaultValueText: String? { Self.text(milliseconds: defaultMilliseconds) }
    package var defaultNote: String? { nil }
    package var values: String {
        "\(Self.text(milliseconds: minimumMilliseconds)) to 168h" + (zero.map { "; 0: \($0)" } ?? "")
    }

    /// A duration as one would write it as a setting, e.g. `10s`.
    package static func text(milliseconds: Int64) -> String {
        milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)s" : "\(milliseconds)ms"
    }
}

/// One of several words.
package struct ChoiceSetting: GatewaySetting {
    package let variable: GatewayVariable
    package let choices: [String]
    package let defaultValueText: String?
    package var defaultNote: String?
    package let help: String

    package var values: String { choices.joined(separator: ", ") }
}

/// A path or addresses.
package struct TextSetting: GatewaySetting {
    package let variable: GatewayVariable
    package var defaultValueText: String?
    package var defaultNote: String?
    package let values: String
    package let help: String
}
