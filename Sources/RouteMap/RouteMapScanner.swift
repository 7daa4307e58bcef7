/// Reads the JSON of a route map in one pass over its bytes, several times as fast as `JSONDecoder`.
///
/// It stands in for the decoder and has no say of its own: it refuses whatever it does not fully
/// understand, without a reason, and ``RouteMapFile/parse(_:)`` then asks the decoder, which tells
/// the fault by its key or takes what is merely unusual. What it accepts the decoder accepts with
/// the same result. It accepts RFC 8259 without:
/// - a byte order mark, or an encoding other than UTF-8 (section 8.1);
/// - a key that stands twice in an object whose keys matter: which one counts is open (section 4);
/// - a key that has an escape or is not ASCII: it might be a known one in disguise;
/// - a lone surrogate in a text (section 8.2);
/// - a number with a sign, a fraction or an exponent where a number matters (section 6);
/// - values that are nested deeper than ``maximumDepth`` where they do not matter (section 9).
///
/// The bytes are whatever was in a file. They are reached in two places, each after a look at how
/// many there are, so no text can make it read beyond them or trap.
struct RouteMapScanner {
    /// The text is for `JSONDecoder`.
    struct Refusal: Error {}

    /// How deep the value of an unknown key may be nested: bounds the stack.
    static let maximumDepth = 32

    private let bytes: UnsafeBufferPointer<UInt8>
    /// Of the byte that is next; `bytes.count` at the end.
    private var position = 0

    /// - Parameter bytes: must outlive the scanner; what it gives is on its own.
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    /// The whole text, which has nothing but a route map of the one version and breaks no rule.
    mutating func table() throws(Refusal) -> RouteTable {
        var version: Int?
        var routes: [Route]?
        var stopped: [StoppedRoute]??
        var isFirst = true
        try begin("{")
        while let key = try nextKey(&isFirst) {
            switch key {
            case "version": try set(&version, integer())
            case "routes": try set(&routes, self.routes())
            case "stopped": try set(&stopped, null() ? nil : self.stopped())
            default: try skipValue()
            }
        }
        skipWhitespace()
        guard next == nil, version == RouteMapFile.version, let routes else { throw Refusal() }
        do {
            return try RouteTable(routes: routes, stopped: (stopped ?? nil) ?? [])
        } catch {
            throw Refusal()
        }
    }
}

// MARK: What a route map has

extension RouteMapScanner {
    private mutating func routes() throws(Refusal) -> [Route] {
        var routes: [Route] = []
        var isFirst = true
        try begin("[")
        while try hasElement(&isFirst) { routes.append(try route()) }
        return routes
    }

    private mutating func route() throws(Refusal) -> Route {
        var hostname: String?
        var host: String??
        var hostPort: Int?
        var tls: String??
        var maxConnections: Int??
        var target: Target?
        var isFirst = true
        try begin("{")
        while let key = try nextKey(&isFirst) {
            switch key {
            case "hostname": try set(&hostname, string())
            case "hostPort": try set(&hostPort, integer())
            case "target": try set(&target, self.target())
            case "host": try set(&host, null() ? nil : string())
            case "maxConnections": try set(&maxConnections, null() ? nil : integer())
            case "tls": try set(&tls, null() ? nil : string())
            default: try skipValue()
            }
        }
        guard let hostname, let hostPort, let target else { throw Refusal() }
        let entry = RouteEntry(
            hostname: hostname,
            host: host ?? nil,
            hostPort: hostPort,
            tls: tls ?? nil,
            maxConnections: maxConnections ?? nil,
            target: target
        )
        do {
            return try entry.route(at: "")
        } catch {
            throw Refusal()
        }
    }

    private mutating func stopped() throws(Refusal) -> [StoppedRoute] {
        var stopped: [StoppedRoute] = []
        var isFirst = true
        try begin("[")
        while try hasElement(&isFirst) { stopped.append(try stoppedRoute()) }
        return stopped
    }

    private mutating func stoppedRoute() throws(Refusal) -> StoppedRoute {
        var hostname: String?
        var target: Target?
        var isFirst = true
        try begin("{")
        while let key = try nextKey(&isFirst) {
            switch key {
            case "hostname": try set(&hostname, string())
            case "target": try set(&target, self.target())
            default: try skipValue()
            }
        }
        guard let hostname, let target else { throw Refusal() }
        do {
            return try StoppedEntry(hostname: hostname, target: target).route(at: "")
        } catch {
            throw Refusal()
        }
    }

    private mutating func target() throws(Refusal) -> Target {
        var id: String?
        var name: String?
        var database: String?
        var project: String?
        var isFirst = true
        try begin("{")
        while let key = try nextKey(&isFirst) {
            switch key {
            case "id": try set(&id, string())
            case "name": try set(&name, string())
            case "database": try set(&database, string())
            case "project": try set(&project, string())
            default: try skipValue()
            }
        }
        guard let id, let name, let database, let project else { throw Refusal() }
        return Target(id: id, name: name, database: database, project: project)
    }
}

/// Takes the value of a key that may stand only once.
private func set<Value>(_ slot: inout Value?, _ value: Value) throws(RouteMapScanner.Refusal) {
    guard slot == nil else { throw RouteMapScanner.Refusal() }
    slot = .some(value)
}

// MARK: What JSON has

extension RouteMapScanner {
    /// The byte at the position; nil at the end. Bytes are read one by one only here.
    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipWhitespace() {
        while let byte = next, byte == space || byte == lineFeed || byte == carriageReturn || byte == tab {
            position += 1
        }
    }

    /// Takes one byte, which must be this one.
    private mutating func take(_ byte: UInt8) throws(Refusal) {
        guard next == byte else { throw Refusal() }
        position += 1
    }

    /// The bracket that begins an object or a list.
    private mutating func begin(_ bracket: Unicode.Scalar) throws(Refusal) {
        skipWhitespace()
        try take(UInt8(ascii: bracket))
    }

    /// Whether an element of a list is next; if not, the list has ended.
    private mutating func hasElement(_ isFirst: inout Bool) throws(Refusal) -> Bool {
        try hasMember(before: UInt8(ascii: "]"), &isFirst)
    }

    /// The next key of an object, with its value next; nil when the object has ended.
    private mutating func nextKey(_ isFirst: inout Bool) throws(Refusal) -> String? {
        guard try hasMember(before: UInt8(ascii: "}"), &isFirst) else { return nil }
        skipWhitespace()
        try take(quote)
        let start = position
        while let byte = next, byte != quote {
            guard (0x20..<0x7f).contains(byte), byte != backslash else { throw Refusal() }
            position += 1
        }
        let key = try text(start..<position)
        try take(quote)
        skipWhitespace()
        try take(UInt8(ascii: ":"))
        return key
    }

    private mutating func hasMember(before bracket: UInt8, _ isFirst: inout Bool) throws(Refusal) -> Bool {
        skipWhitespace()
        if next == bracket {
            position += 1
            return false
        }
        if !isFirst { try take(UInt8(ascii: ",")) }
        isFirst = false
        return true
    }

    /// Takes a `null`, which is as good as no key where the key is optional.
    private mutating func null() throws(Refusal) -> Bool {
        skipWhitespace()
        guard next == UInt8(ascii: "n") else { return false }
        try literal("null")
        return true
    }

    private mutating func literal(_ name: String) throws(Refusal) {
        for byte in name.utf8 { try take(byte) }
    }

    /// A whole number from 0 up that fits an `Int`. What follows the digits is for the caller to refuse.
    private mutating func integer() throws(Refusal) -> Int {
        skipWhitespace()
        let start = position
        var number = 0
        while let byte = next, isDigit(byte) {
            let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, isLarger) = tens.addingReportingOverflow(Int(byte & 0x0f))
            guard !isTooLarge, !isLarger, number > 0 || position == start else { throw Refusal() }
            number = sum
            position += 1
        }
        guard position > start else { throw Refusal() }
        return number
    }

    private mutating func string() throws(Refusal) -> String {
        skipWhitespace()
        try take(quote)
        let start = position
        while let byte = next {
            switch byte {
            case quote:
                let string = try text(start..<position)
                position += 1
                return string
            case backslash: return try escapedString(from: start)
            case 0..<0x20: throw Refusal()
            default: position += 1
            }
        }
        throw Refusal()
    }

    /// A stretch of the bytes as a text, if it is UTF-8.
    private func text(_ range: Range<Int>) throws(Refusal) -> String {
        guard range.upperBound <= bytes.count else { throw Refusal() }
        do {
            return String(copying: try UTF8Span(validating: bytes.span.extracting(range)))
        } catch {
            throw Refusal()
        }
    }

    /// The rest of a string, at its first escape.
    ///
    /// - Parameter start: where its text begins.
    private mutating func escapedString(from start: Int) throws(Refusal) -> String {
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
            case 0..<0x20: throw Refusal()
            default: position += 1
            }
        }
        throw Refusal()
    }

    /// What an escape stands for, from behind its backslash (RFC 8259 section 7).
    private mutating func escape() throws(Refusal) -> Unicode.Scalar {
        guard let byte = next else { throw Refusal() }
        position += 1
        switch byte {
        case quote, backslash, UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw Refusal()
        }
        var code = try hexadecimal()
        if (0xd800..<0xdc00).contains(code) {
            try literal(#"\u"#)
            let low = try hexadecimal()
            guard (0xdc00..<0xe000).contains(low) else { throw Refusal() }
            code = 0x1_0000 + (code & 0x3ff) << 10 + (low & 0x3ff)
        }
        guard let scalar = Unicode.Scalar(code) else { throw Refusal() }
        return scalar
    }

    /// Four hexadecimal digits.
    private mutating func hexadecimal() throws(Refusal) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next else { throw Refusal() }
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): code = code << 4 | UInt32(byte & 0x0f)
            case UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "a")...UInt8(ascii: "f"):
                code = code << 4 | UInt32(byte & 0x0f) + 9
            default: throw Refusal()
            }
            position += 1
        }
        return code
    }

    /// Takes a value of which only the form matters.
    private mutating func skipValue(depth: Int = 0) throws(Refusal) {
        guard depth < Self.maximumDepth else { throw Refusal() }
        skipWhitespace()
        var isFirst = true
        switch next {
        case UInt8(ascii: "{"):
            position += 1
            while try nextKey(&isFirst) != nil { try skipValue(depth: depth + 1) }
        case UInt8(ascii: "["):
            position += 1
            while try hasElement(&isFirst) { try skipValue(depth: depth + 1) }
        case quote: _ = try string()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: try skipNumber()
        }
    }

    /// Takes a number of any form (RFC 8259 section 6).
    private mutating func skipNumber() throws(Refusal) {
        if next == UInt8(ascii: "-") { position += 1 }
        if next == UInt8(ascii: "0") {
            position += 1
        } else {
            try skipDigits()
        }
        if next == UInt8(ascii: ".") {
            position += 1
            try skipDigits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            try skipDigits()
        }
    }

    /// Takes digits, of which there must be one.
    private mutating func skipDigits() throws(Refusal) {
        let start = position
        while let byte = next, isDigit(byte) { position += 1 }
        guard position > start else { throw Refusal() }
    }
}

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

private let quote = UInt8(ascii: "\"")
private let backslash = UInt8(ascii: "\\")
private let space = UInt8(ascii: " ")
private let lineFeed = UInt8(ascii: "\n")
private let carriageReturn = UInt8(ascii: "\r")
private let tab = UInt8(ascii: "\t")
