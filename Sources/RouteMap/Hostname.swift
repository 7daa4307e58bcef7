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
        var bytes = Array(text.utf8)
        if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        guard !bytes.isEmpty else { throw .empty }
        guard bytes.count <= Self.maximumLength else { throw .tooLong(bytes.count) }
        for index in bytes.indices where (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(bytes[index]) {
            bytes[index] |= 0x20
        }
        let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for label in labels {
            try Self.check(label)
        }
        guard let last = labels.last, !last.allSatisfy(Self.isDigit) else { throw .numeric }
        self.name = String(decoding: bytes, as: UTF8.self)
    }

    private static func check(_ label: ArraySlice<UInt8>) throws(HostnameError) {
        let hyphen = UInt8(ascii: "-")
        guard let first = label.first, let last = label.last else { throw .emptyLabel }
        guard label.count <= maximumLabelLength else { throw .labelTooLong(label.count) }
        guard label.allSatisfy({ isDigit($0) || isLetter($0) || $0 == hyphen }) else { throw .invalidCharacter }
        guard first != hyphen, last != hyphen else { throw .hyphenAtEnd }
        let head = Array(label.prefix(4))
        guard head.count < 4 || head[2] != hyphen || head[3] != hyphen || head[0...1] == [0x78, 0x6e] else {
            throw .reservedLabel
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
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
