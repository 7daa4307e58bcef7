import Configuration
import GatewayContract
import GatewayCore
package import NIOCore

/// Reads typed values of ``GatewayVariable``s; an empty value counts as none.
struct VariableReader {
    private let reader: ConfigReader

    init(_ reader: ConfigReader) {
        self.reader = reader
    }

    func text(_ variable: GatewayVariable) -> String? {
        let value = reader.string(forKey: ConfigKey(variable.configurationKey))
        return value?.isEmpty == true ? nil : value
    }

    func flag(_ setting: SwitchSetting) throws(ConfigurationError) -> Bool {
        guard let text = text(setting.variable) else { return setting.defaultValue }
        switch text.lowercased() {
        case "true", "1", "yes", "on": return true
        case "false", "0", "no", "off": return false
        default: throw ConfigurationError(setting.variable, "is '\(DisplayName.escape(text))'; use \(setting.values)")
        }
    }

    func number(_ setting: NumberSetting) throws(ConfigurationError) -> Int {
        guard let text = text(setting.variable) else { return setting.defaultValue }
        guard let number = Int(text), setting.range.contains(number) else {
            throw ConfigurationError(
                setting.variable,
                "is '\(DisplayName.escape(text))'; use a whole number, \(setting.values)"
            )
        }
        return number
    }

    /// - Returns: one of the setting's choices; nil where none is set.
    func choice(_ setting: ChoiceSetting) throws(ConfigurationError) -> String? {
        guard let text = text(setting.variable) else { return nil }
        guard let choice = setting.choices.first(where: { $0 == text.lowercased() }) else {
            throw ConfigurationError(
                setting.variable,
                "is '\(DisplayName.escape(text))'; use one of \(setting.values)"
            )
        }
        return choice
    }

    /// A duration such as `500ms`, `10s`, `5m`, `1h`; a bare number means seconds. At most a week.
    func duration(_ setting: DurationSetting) throws(ConfigurationError) -> TimeAmount {
        guard let text = text(setting.variable) else { return TimeAmount(setting) }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let factor: Int64? =
            switch text.dropFirst(digits.count) {
            case "ms": 1
            case "s", "": 1_000
            case "m": 60_000
            case "h": 3_600_000
            default: nil
            }
        if let factor, let count = Int64(digits), count <= DurationSetting.maximumMilliseconds / factor,
            count * factor >= setting.minimumMilliseconds
        {
            return .milliseconds(count * factor)
        }
        throw ConfigurationError(
            setting.variable,
            "is '\(DisplayName.escape(text))'; use a duration such as 500ms, 10s or 5m, \(setting.values)"
        )
    }

    /// An IP literal and a port.
    func address(_ variable: GatewayVariable) throws(ConfigurationError) -> AdminAddress? {
        guard let text = text(variable) else { return nil }
        guard let address = AdminAddress(text) else {
            throw ConfigurationError(
                variable,
                "is '\(DisplayName.escape(text))'; use an IP address and a port, e.g. 127.0.0.1:9432 or [::1]:9432"
            )
        }
        return address
    }

    /// A list of IP literals, separated by commas.
    func addresses(_ variable: GatewayVariable) throws(ConfigurationError) -> [String]? {
        guard let text = text(variable) else { return nil }
        var addresses: [String] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let address = String(part.filter { $0 != " " })
            guard (try? SocketAddress(ipAddress: address, port: 0)) != nil else {
                throw ConfigurationError(
                    variable,
                    "has '\(DisplayName.escape(address))'; use IP addresses separated by commas, e.g. 127.0.0.1,::1"
                )
            }
            addresses.append(address)
        }
        return addresses
    }
}

extension TimeAmount {
    /// The default of a setting.
    init(_ setting: DurationSetting) {
        self = .milliseconds(setting.defaultMilliseconds)
    }

    /// The duration as one would write it as a setting, e.g. `10s`.
    package var settingText: String { DurationSetting.text(milliseconds: nanoseconds / 1_000_000) }
}
