/// One JSON object, written member by member as UTF-8 (RFC 8259).
///
/// A log line is written on an event loop, so this goes byte by byte: scalar by scalar it was a twelfth of what a
/// connection cost.
struct JSONObjectText {
    /// Most lines of the gateway's log fit.
    private static let usualLength = 384
    private static let hexadecimalDigits = Array("0123456789abcdef".utf8)

    private var bytes: [UInt8] = []

    init() {
        bytes.reserveCapacity(Self.usualLength)
        bytes.append(UInt8(ascii: "{"))
    }

    /// Adds a member whose value is a text.
    mutating func add(_ name: String, _ value: String) {
        addName(name)
        addText(value)
    }

    /// Adds a member whose value is a number.
    ///
    /// - Parameter value: the number's digits.
    mutating func addNumber(_ name: String, _ value: String) {
        addName(name)
        bytes.append(contentsOf: value.utf8)
    }

    /// The object's text.
    consuming func finish() -> String {
        bytes.append(UInt8(ascii: "}"))
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func addName(_ name: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        addText(name)
        bytes.append(UInt8(ascii: ":"))
    }

    /// A string (RFC 8259 section 7). The bytes that it escapes are no parts of longer scalars in UTF-8.
    private mutating func addText(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20, 0x7f:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(Self.hexadecimalDigits[Int(byte >> 4)])
                bytes.append(Self.hexadecimalDigits[Int(byte & 0xf)])
            default:
                bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
