/// Reads JSON (RFC 8259) in one pass over its bytes, several times as fast as `JSONDecoder`, and reports the
/// location of a fault.
///
/// It takes what the RFC allows, with these choices where the RFC leaves one:
/// - A byte order mark at the start is skipped (section 8.1); no other encoding than UTF-8 is read.
/// - A key that stands twice in one object is a fault (section 4), in whatever way it is written.
/// - Half of a surrogate pair is a fault (section 8.2).
/// - Objects and lists are nested at most ``maximumDepth`` deep (section 9).
///
/// The bytes are whatever was in a file. They are reached in two places (`next` and `text`), each after
/// a look at how many there are, so no text can make it read beyond them or trap.
struct JSONScanner {
    /// How deep values may be nested: bounds the stack.
    static let maximumDepth = 64

    let bytes: UnsafeBufferPointer<UInt8>
    /// Of the byte that is next; `bytes.count` at the end.
    var position = 0

    /// - Parameter bytes: must outlive the scanner; its results do not depend on them.
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
    }

    /// The byte at the position; nil at the end. Bytes are read one by one only here.
    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipWhitespace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    // MARK: Objects and lists

    /// The brace that begins an object.
    mutating func beginObject() throws(JSONFault) { try begin(UInt8(ascii: "{"), "an object") }

    /// The bracket that begins a list.
    mutating func beginList() throws(JSONFault) { try begin(UInt8(ascii: "["), "a list") }

    private mutating func begin(_ bracket: UInt8, _ name: String) throws(JSONFault) {
        skipWhitespace()
        guard next == bracket else { throw wrongType(name) }
        position += 1
    }

    /// The next known key of an object, with its value next; nil when the object has ended. Members with
    /// other keys are skipped.
    ///
    /// - Parameter depth: how many objects and lists there are around the members' values.
    mutating func nextKey<Key: JSONKey>(
        _ members: inout JSONMembers<Key>,
        depth: Int
    ) throws(JSONFault) -> Key? {
        while try hasMember(before: UInt8(ascii: "}"), &members) {
            skipWhitespace()
            let start = position
            guard next == quote else { throw expected("a key in quotation marks") }
            let name = try string()
            let key = Key(name: name)
            let isNew =
                if let key { members.insert(key) } else { members.insertUnknown(name) }
            members.current = name
            guard isNew else { throw fault("duplicate key", at: start) }
            skipWhitespace()
            guard next == UInt8(ascii: ":") else { throw expected("':'") }
            position += 1
            if let key { return key }
            try skipValue(depth: depth)
        }
        return nil
    }

    private mutating func hasMember<Key>(
        before bracket: UInt8,
        _ members: inout JSONMembers<Key>
    ) throws(JSONFault) -> Bool {
        members.current = nil
        return try hasElement(before: bracket, &members.isFirst)
    }

    /// Whether an element of a list is next; if not, the list has ended.
    mutating func hasElement(_ isFirst: inout Bool) throws(JSONFault) -> Bool {
        try hasElement(before: UInt8(ascii: "]"), &isFirst)
    }

    private mutating func hasElement(before bracket: UInt8, _ isFirst: inout Bool) throws(JSONFault) -> Bool {
        skipWhitespace()
        if next == bracket {
            position += 1
            return false
        }
        if !isFirst {
            guard next == UInt8(ascii: ",") else { throw expected("',' or '\(Character(Unicode.Scalar(bracket)))'") }
            position += 1
        }
        isFirst = false
        return true
    }

    /// The end of the text: nothing but whitespace is left.
    mutating func end() throws(JSONFault) {
        skipWhitespace()
        guard next == nil else { throw expected("the end of the file") }
    }

    // MARK: Values that do not matter

    /// Takes a value of which only the form matters.
    ///
    /// - Parameter depth: how many objects and lists there are around it.
    mutating func skipValue(depth: Int) throws(JSONFault) {
        skipWhitespace()
        switch next {
        case UInt8(ascii: "{"):
            try enter(depth)
            var members = JSONMembers<NoKey>()
            do throws(JSONFault) {
                // It knows no key, so it goes on to the end.
                _ = try nextKey(&members, depth: depth + 1)
            } catch {
                throw error.within(key: members.current)
            }
        case UInt8(ascii: "["):
            try enter(depth)
            try skipElements(depth: depth + 1)
        case quote: _ = try string()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        case let byte? where byte == UInt8(ascii: "-") || isDigit(byte): _ = try number()
        default: throw expected("a value")
        }
    }

    private mutating func skipElements(depth: Int) throws(JSONFault) {
        var isFirst = true
        var index = 0
        while try hasElement(&isFirst) {
            do throws(JSONFault) {
                try skipValue(depth: depth)
            } catch {
                throw error.within(index: index)
            }
            index += 1
        }
    }

    private mutating func enter(_ depth: Int) throws(JSONFault) {
        guard depth < Self.maximumDepth else {
            throw fault("is nested deeper than \(Self.maximumDepth) objects and lists")
        }
        position += 1
    }

    // MARK: Faults

    func fault(_ problem: String, at offset: Int? = nil) -> JSONFault {
        JSONFault(offset: offset ?? position, problem: problem)
    }

    /// A fault of the syntax: something else is here than JSON has at this place.
    func expected(_ what: String) -> JSONFault { fault("is not JSON: expected \(what), found \(found)") }

    /// A value is here, or none, that is not of the type that is needed.
    func wrongType(_ wanted: String) -> JSONFault {
        let type: String
        switch next {
        case UInt8(ascii: "{"): type = "an object"
        case UInt8(ascii: "["): type = "a list"
        case quote: type = "a string"
        case UInt8(ascii: "t"): type = "true"
        case UInt8(ascii: "f"): type = "false"
        case UInt8(ascii: "n"): type = "null"
        case let byte? where byte == UInt8(ascii: "-") || isDigit(byte): type = "a number"
        default: return expected(wanted)
        }
        return fault("is \(type), not \(wanted)")
    }

    /// The byte that is next, for people.
    private var found: String {
        guard let byte = next else { return "the end of the file" }
        return (0x21..<0x7f).contains(byte)
            ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
    }
}

func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

let quote = UInt8(ascii: "\"")
let backslash = UInt8(ascii: "\\")
