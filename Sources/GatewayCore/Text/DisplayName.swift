/// Untrusted texts, made safe for a message or a log line.
package enum DisplayName {
    /// Maximum length shown, in characters.
    package static let maximumLength = 253

    /// Replaces everything but printable ASCII by `\u{…}`, and cuts to ``maximumLength``.
    package static func escape(_ text: String) -> String {
        // Nearly all names: nothing to escape, so nothing to build.
        if text.utf8.count <= maximumLength, text.utf8.allSatisfy(isPlain) { return text }
        var shown = ""
        for scalar in text.unicodeScalars.prefix(maximumLength) {
            if let byte = UInt8(exactly: scalar.value), isPlain(byte) {
                shown.unicodeScalars.append(scalar)
            } else {
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
        return text.unicodeScalars.count > maximumLength ? shown + "..." : shown
    }

    /// Whether this is a printable character of ASCII that no quotation needs to escape.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x20..<0x7f).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
}
