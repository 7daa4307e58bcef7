import Foundation
import GatewayContract
import TestSupport
import Testing

@Suite struct GatewaySettingsTests {
    @Test("Every setting stands in its own place")
    func places() {
        for (variable, setting) in zip(GatewayVariable.allCases, GatewaySettings.all) {
            #expect(setting.variable == variable)
            #expect(!setting.defaultText.isEmpty)
            #expect(setting.help.hasSuffix("."))
            #expect(variable.flag == "--" + variable.rawValue.lowercased().split(separator: "_").joined(separator: "-"))
        }
    }

    @Test("Defaults are values that the settings take")
    func defaults() {
        for setting in GatewaySettings.all {
            switch setting {
            case let number as NumberSetting:
                #expect(number.range.contains(number.defaultValue))
                #expect(number.zero == nil || number.range.contains(0))
            case let duration as DurationSetting:
                let range = duration.minimumMilliseconds...DurationSetting.maximumMilliseconds
                #expect(range.contains(duration.defaultMilliseconds))
            case let choice as ChoiceSetting:
                #expect(choice.defaultValueText.map(choice.choices.contains) == true)
            default: break
            }
        }
    }

    /// A setting's row in docs/configuration.md.
    private func row(_ setting: any GatewaySetting) -> String {
        let value = setting.defaultValueText.map { "`\($0)`" }
        let standard = [value, setting.defaultNote].compactMap { $0 }.joined(separator: ", ")
        return "| `\(setting.variable.environmentName)` | \(standard) | \(setting.values) | \(setting.help) |"
    }

    @Test("The table of docs/configuration.md matches")
    func documentation() throws {
        let text = try String(contentsOfFile: "\(Checkout.root)/docs/configuration.md", encoding: .utf8)
        let rows = text.split(separator: "\n").map(String.init).filter { $0.hasPrefix("| `\(GatewayVariable.prefix)") }
        let expected = GatewaySettings.all.map(row)
        #expect(rows == expected, "docs/configuration.md must contain:\n\(expected.joined(separator: "\n"))")
    }

    @Test("The unit's environment file names every setting, with its help and its default")
    func environmentFile() throws {
        let path = "\(Checkout.root)/scripts/postgres-gateway.environment"
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(UnknownVariable.all(in: lines.compactMap(Self.assigned)).isEmpty)
        for setting in GatewaySettings.all {
            let name = setting.variable.environmentName
            let places = lines.indices.filter { Self.assigned(lines[$0]) == name }
            #expect(places.count == 1, "\(name)")
            guard let place = places.first else { continue }
            let above = lines[..<place].reversed().prefix { $0.hasPrefix("# ") }.reversed()
            let comment = above.map { $0.dropFirst(2) }.joined(separator: " ")
            #expect(comment.contains(setting.help), "\(name): \(setting.help)")
            // A path has no default, and an example instead.
            if let value = setting.defaultValueText { #expect(lines[place].hasSuffix("\(name)=\(value)")) }
        }
    }

    /// The variable that a line sets, or would without its `#`.
    private static func assigned(_ line: String) -> String? {
        let text = line.hasPrefix("#") ? line.dropFirst() : line[...]
        guard text.hasPrefix(GatewayVariable.prefix), let equals = text.firstIndex(of: "=") else { return nil }
        return String(text[..<equals])
    }
}
