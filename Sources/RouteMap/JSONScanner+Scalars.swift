// Texts, numbers and literals.

extension JSONScanner {
    // MARK: Literals

    /// Takes a `null`, which is as good as no key where the key is optional.
    mutating func null() throws(JSONFault) -> Bool {
        skipWhitespace()
        guard next == UInt8(ascii: "n") else { return false }
        try literal("null")
        return true
    }

    mutating func boolean() throws(JSONFault) -> Bool {
        skipWhitespace()
        switch next {
        case UInt8(ascii: "t"):
            try literal("true")
            return true
        case UInt8(ascii: "f"):
            try literal("false")
            return false
        default: throw wrongType("true or false")
        }
    }

    mutating func literal(_ name: String) throws(JSONFault) {
        for byte in name.utf8 {
            guard next == byte else { throw expected("'\(name)'") }
            position += 1
        }
    }

    // MARK: Numbers

    /// A number as it is written.
    struct Number {
        var range: Range<Int>
        var hasFraction = false
        var hasExponent = false
    }

    /// A whole number, written with digits alone: no fraction and no exponent, not even one that changes nothing.
    ///
    /// - Parameters:
    ///   - range: the allowed values.
    ///   - problem: the error for other values, after the number itself, e.g. "is not a port".
    mutating func integer(in range: ClosedRange<Int>, otherwise problem: String) throws(JSONFault) -> Int {
        skipWhitespace()
        guard let byte = next, byte == UInt8(ascii: "-") || isDigit(byte) else { throw wrongType("a whole number") }
        let number = try number()
        guard !number.hasFraction, !number.hasExponent else {
            throw fault("\(shown(number)) is not a whole number (digits only)", at: number.range.lowerBound)
        }
        guard let value = value(number), range.contains(value) else {
            throw fault("\(shown(number)) \(problem)", at: number.range.lowerBound)
        }
        return value
    }

    /// - Returns: nil when it does not fit an `Int`.
    private func value(_ number: Number) -> Int? {
        var value = 0
        var isNegative = false
        for byte in bytes[number.range] {
            guard isDigit(byte) else {
                isNegative = true
                continue
            }
            let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isLarger) = tens.addingReportingOverflow(Int(byte & 0x0f))
            guard !isTooLarge, !isLarger else { return nil }
            value = sum
        }
        return isNegative ? -value : value
    }

    private func shown(_ number: Number) -> String {
        let most = 40
        let text = String(decoding: bytes[number.range].prefix(most), as: UTF8.self)
        return number.range.count > most ? text + "..." : text
    }

    /// Takes a number of any form (RFC 8259 section 6).
    mutating func number() throws(JSONFault) -> Number {
        let start = position
        var number = Number(range: start..<start)
        if next == UInt8(ascii: "-") { position += 1 }
        if next == UInt8(ascii: "0") {
            position += 1
            if let byte = next, isDigit(byte) {
                throw fault("is not JSON: a number does not begin with 0 and another digit", at: start)
            }
        } else {
            try skipDigits()
        }
        if next == UInt8(ascii: ".") {
            number.hasFraction = true
            position += 1
            try skipDigits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            number.hasExponent = true
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            try skipDigits()
        }
        number.range = start..<position
        return number
    }

    /// Takes digits, of which there must be one.
    private mutating func skipDigits() throws(JSONFault) {
        guard let byte = next, isDigit(byte) else { throw expected("a digit") }
        while let byte = next, isDigit(byte) { position += 1 }
    }

    // MARK: Texts

    mutating func string() throws(JSONFault) -> String {
        skipWhitespace()
        guard next == quote else { throw wrongType("a string") }
        let opening = position
        position += 1
        let start = position
        while let byte = next {
            switch byte {
            case quote:
                let string = try text(start..<position)
                position += 1
                return string
            case backslash: return try escapedString(from: start, opening: opening)
            case 0..<0x20: throw controlCharacter(byte)
            default: position += 1
            }
        }
        throw unfinished(opening)
    }

    private func controlCharacter(_ byte: UInt8) -> JSONFault {
        let digits = String(byte, radix: 16)
        return fault(
            "is not JSON: control character \\u\(String(repeating: "0", count: 4 - digits.count))\(digits) "
                + "in a string must be escaped"
        )
    }

    private func unfinished(_ opening: Int) -> JSONFault {
        fault("is not JSON: a string has no closing quotation mark", at: opening)
    }

    /// A stretch of the bytes as a text, if it is UTF-8.
    private func text(_ range: Range<Int>) throws(JSONFault) -> String {
        guard range.upperBound <= bytes.count else { throw fault("is not JSON: a string extends past the end") }
        do {
            return String(copying: try UTF8Span(validating: bytes.span.extracting(range)))
        } catch {
            throw fault("is not UTF-8", at: range.lowerBound)
        }
    }

    /// The rest of a string, at its first escape.
    ///
    /// - Parameter start: where its text begins.
    private mutating func escapedString(from start: Int, opening: Int) throws(JSONFault) -> String {
        var string = try text(start..<position)
        var plain = position
        while let byte = next {
            switch byte {
            case quote:
                string += try text(plain..<position)
                position += 1
                return string
            case backslash:
                string += try text(plain..<position)
                position += 1
                string.unicodeScalars.append(try escape())
                plain = position
            case 0..<0x20: throw controlCharacter(byte)
            default: position += 1
            }
        }
        throw unfinished(opening)
    }

    /// What an escape stands for, from behind its backslash (RFC 8259 section 7).
    private mutating func escape() throws(JSONFault) -> Unicode.Scalar {
        let start = position
        guard let byte = next else { throw expected("the rest of an escape") }
        position += 1
        switch byte {
        case quote, backslash, UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default:
            position = start
            throw expected("one of \"\\/bfnrtu behind a backslash")
        }
        var code = try hexadecimal()
        if (0xd800..<0xdc00).contains(code) {
            guard take(backslash), take(UInt8(ascii: "u")) else { throw halfOfPair(start) }
            let low = try hexadecimal()
            guard (0xdc00..<0xe000).contains(low) else { throw halfOfPair(start) }
            code = 0x1_0000 + (code & 0x3ff) << 10 + (low & 0x3ff)
        }
        guard let scalar = Unicode.Scalar(code) else { throw halfOfPair(start) }
        return scalar
    }

    private func halfOfPair(_ start: Int) -> JSONFault {
        fault("is not JSON: an escape is half of a surrogate pair", at: start)
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    /// Four hexadecimal digits.
    private mutating func hexadecimal() throws(JSONFault) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            switch next {
            case let byte? where isDigit(byte): code = code << 4 | UInt32(byte & 0x0f)
            case let byte? where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20):
                code = code << 4 | UInt32(byte & 0x0f) + 9
            default: throw expected("four hexadecimal digits")
            }
            position += 1
        }
        return code
    }
}
