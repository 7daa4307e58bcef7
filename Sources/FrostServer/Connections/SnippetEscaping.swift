/// Escapes a text for each context in a snippet.
extension ConnectionSnippets {
    /// For any part of a URL: all but letters, digits, `-._` and `kept` as `%XX` of their UTF-8 bytes.
    ///
    /// `~` needs no escape in a URL (RFC 3986) and gets one because a shell may take it for a home directory. A space
    /// is `%20`: pgjdbc alone reads `+` as one.
    static func percentEncoded(_ text: String, keeping kept: Unicode.Scalar? = nil) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            if isLetterOrDigit(scalar) || "-._".unicodeScalars.contains(scalar) || scalar == kept {
                encoded.unicodeScalars.append(scalar)
            } else {
                encoded += "%" + hex(UInt32(byte), digits: 2).uppercased()
            }
        }
        return encoded
    }

    /// A value of a .env file, which a shell, systemd, Docker Compose, Node.js, dotenv, dotenv-expand and python-dotenv
    /// all read alike; nil where there is no such notation.
    ///
    /// Without quotes where that is possible, because `docker run --env-file` takes quotes for a part of the value.
    /// Else in single quotes: python-dotenv then still takes `\` for an escape, dotenv-expand still replaces `$`, and
    /// there is no common way to write `'`.
    static func environmentValue(_ text: String) -> String? {
        let plain = text.unicodeScalars.allSatisfy { isLetterOrDigit($0) || "-._:/@%?=".unicodeScalars.contains($0) }
        if plain { return text }
        let isQuotable = text.unicodeScalars.allSatisfy {
            $0.properties.generalCategory != .control && !"'\\$".unicodeScalars.contains($0)
        }
        return isQuotable ? "'\(text)'" : nil
    }

    /// A literal of JavaScript, whose escapes are of UTF-16: ECMA-262, section 12.9.4.
    static func javaScript(_ text: String) -> String {
        literal(text) { scalar in scalar.utf16.map { "\\u" + hex(UInt32($0), digits: 4) }.joined() }
    }

    /// A literal of Java: control characters in octal, because `\u000a` is a line break before the compiler sees a
    /// literal at all (Java Language Specification, sections 3.3 and 3.10.7).
    static func java(_ text: String) -> String {
        literal(text) { scalar in
            if scalar.isASCII { return "\\" + padded(String(scalar.value, radix: 8), to: 3) }
            return scalar.utf16.map { "\\u" + hex(UInt32($0), digits: 4) }.joined()
        }
    }

    /// A literal of Python: https://docs.python.org/3/reference/lexical_analysis.html, "Escape sequences".
    static func python(_ text: String) -> String {
        literal(text, escape: shortOrLong)
    }

    /// An interpreted string literal of Go: https://go.dev/ref/spec#String_literals
    static func go(_ text: String) -> String {
        literal(text, escape: shortOrLong)
    }

    /// A literal of Ruby in double quotes, where `#` may begin code.
    static func ruby(_ text: String) -> String {
        literal(text) { "\\u{\(hex($0.value, digits: 1))}" }.replacing("#", with: "\\#")
    }

    /// The text in double quotes: printable ASCII as it is, backslash and quote behind a backslash, and `escape` for
    /// the rest.
    private static func literal(_ text: String, escape: (Unicode.Scalar) -> String) -> String {
        var literal = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": literal += "\\\(scalar)"
            case " "..."~": literal.unicodeScalars.append(scalar)
            default: literal += escape(scalar)
            }
        }
        return literal + "\""
    }

    /// `\u00e9` or `\U0001f418`.
    private static func shortOrLong(_ scalar: Unicode.Scalar) -> String {
        scalar.value <= 0xFFFF ? "\\u" + hex(scalar.value, digits: 4) : "\\U" + hex(scalar.value, digits: 8)
    }

    private static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9": true
        default: false
        }
    }

    private static func hex(_ value: UInt32, digits: Int) -> String {
        padded(String(value, radix: 16), to: digits)
    }

    private static func padded(_ digits: String, to count: Int) -> String {
        String(repeating: "0", count: max(0, count - digits.count)) + digits
    }
}
