/// Untrusted texts, made safe for a message or a log line.
package enum DisplayName {
    /// Maximum length shown, in characters.
    package static let maximumLength = 253

    /// Replaces everything but printable ASCII by `\u{…}`, and cuts to ``maximumLength``.
    package static func escape(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(maximumLength) {
            let isPlain = scalar.isASCII && scalar.value >= 0x20 && scalar.value != 0x7f
            if isPlain && scalar != "\"" && scalar != "\\" {
                shown.unicodeScalars.append(scalar)
            } else {
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
        return text.unicodeScalars.count > maximumLength ? shown + "..." : shown
    }
}
