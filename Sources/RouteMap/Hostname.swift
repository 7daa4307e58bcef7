/// A hostname in the one form in which hostnames are compared: lowercase, no trailing dot.
///
/// Rules: RFC 1035 and RFC 1123 (labels of 1 to 63 letters, digits and hyphens, no hyphen at either
/// end), RFC 5890 (no `--` in positions 3-4 but in `xn--`), at most 253 characters in all. An IP
/// address is not a hostname: RFC 6066 forbids one as a server name.
package struct Hostname: Hashable, Sendable {
    /// Longest hostname, in characters, without a trailing dot.
    package static let maximumLength = 253
    /// Longest label, in characters.
    package static let maximumLabelLength = 63

    package let name: String

    /// Takes a name in any case and with at most one trailing dot.
    ///
    /// - Throws: ``HostnameError`` that says which rule the name breaks.
    package init(_ text: some StringProtocol) throws(HostnameError) {
        let text = String(text)
        let dot = UInt8(ascii: ".")
        let bytes = text.utf8.span
        let isAbsolute = text.utf8.last == dot
        let length = bytes.count - (isAbsolute ? 1 : 0)
        guard length > 0 else { throw .empty }
        guard length <= Self.maximumLength else { throw .tooLong(length) }
        var label = Label()
        var hasUppercase = false
        for index in 0..<length {
            let byte = bytes[index]
            if byte == dot {
                try label.check()
                label = Label()
            } else {
                hasUppercase = hasUppercase || Self.isUppercase(byte)
                label.append(Self.lowercased(byte))
            }
        }
        try label.check()
        guard !label.isNumeric else { throw .numeric }
        self.name =
            isAbsolute || hasUppercase
            ? String(decoding: text.utf8.prefix(length).map(Self.lowercased), as: UTF8.self) : text
    }

    private static func isUppercase(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        isUppercase(byte) ? byte | 0x20 : byte
    }
}

/// What the rules ask of a label, gathered byte by byte: nothing is allocated, since a route map has
/// a hundred thousand names and a client may send any.
private struct Label {
    private var length = 0
    private var first: UInt8 = 0
    private var last: UInt8 = 0
    /// The first four bytes, the first of them the highest.
    private var head: UInt32 = 0
    private var hasValidBytes = true
    private(set) var isNumeric = true

    mutating func append(_ byte: UInt8) {
        if length == 0 { first = byte }
        if length < 4 { head = head << 8 | UInt32(byte) }
        last = byte
        length += 1
        let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        isNumeric = isNumeric && isDigit
        hasValidBytes = hasValidBytes && (isDigit || isLetter || byte == UInt8(ascii: "-"))
    }

    func check() throws(HostnameError) {
        let hyphen = UInt8(ascii: "-")
        guard length > 0 else { throw .emptyLabel }
        guard length <= Hostname.maximumLabelLength else { throw .labelTooLong(length) }
        guard hasValidBytes else { throw .invalidCharacter }
        guard first != hyphen, last != hyphen else { throw .hyphenAtEnd }
        // "--" behind other letters than "xn".
        guard length < 4 || head & 0xffff != 0x2d2d || head >> 16 == 0x786e else { throw .reservedLabel }
    }
}

extension Hostname: CustomStringConvertible {
    package var description: String { name }
}

/// The rule that a text breaks which was to be a hostname.
package enum HostnameError: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case tooLong(Int)
    case emptyLabel
    case labelTooLong(Int)
    case invalidCharacter
    case hyphenAtEnd
    case reservedLabel
    case numeric

    package var description: String {
        switch self {
        case .empty: "is empty"
        case .tooLong(let length): "has \(length) characters; at most \(Hostname.maximumLength) are allowed"
        case .emptyLabel: "has an empty label (two dots in a row, or one at the start)"
        case .labelTooLong(let length):
            "has a label of \(length) characters; at most \(Hostname.maximumLabelLength) are allowed"
        case .invalidCharacter: "has a character other than letters, digits, hyphens and dots"
        case .hyphenAtEnd: "has a label that starts or ends with a hyphen"
        case .reservedLabel: "has a label with '--' in positions 3 and 4 that does not start with 'xn--'"
        case .numeric: "is an IP address or ends in a label of digits only"
        }
    }
}
