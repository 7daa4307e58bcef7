import Foundation
import TestSupport

/// JSON that keeps what a dictionary would lose: the order of keys, keys that are there twice, and broken values.
indirect enum JSON {
    case text(String)
    /// Stands in the document as it is.
    case token(String)
    case list([JSON])
    case object([(key: String, value: JSON)])
}

/// Makes route maps, all different and all good, and spoils them.
struct RouteMapDocuments {
    private var random: SplitMix64
    private var names = 0

    init(seed: Int) {
        random = SplitMix64(seed: UInt64(truncatingIfNeeded: seed))
    }

    // MARK: Good ones

    /// A good route map, with keys in any order and others among them.
    mutating func document() -> JSON {
        var members: [(key: String, value: JSON)] = [
            ("version", .token("1")),
            ("routes", .list((0..<Int.random(in: 0...4, using: &random)).map { _ in route() })),
        ]
        if oneIn(2) { members.append(("generatedAt", .text("2026-11-23T02:00:00Z"))) }
        if oneIn(4) {
            members.append(("confirmedAt", .text(pick(["2026-11-23T02:00:00Z", "2026-02-28T23:59:59.250Z"]))))
            members.append(("validForSeconds", .token(pick(["1", "300", "86400"]))))
        }
        if oneIn(8) {
            members.append(("stopped", .token("null")))
        } else if oneIn(2) {
            let stopped = (0..<Int.random(in: 0...2, using: &random)).map { _ in
                object([("hostname", hostname()), ("target", target())])
            }
            members.append(("stopped", .list(stopped)))
        }
        return object(members)
    }

    private mutating func route() -> JSON {
        var members: [(key: String, value: JSON)] = [
            ("hostname", hostname()), ("target", target()),
            ("hostPort", .token("\(UInt16.random(in: 1 ... .max, using: &random))")),
        ]
        if oneIn(3) {
            members.append(("host", pick([.text("127.0.0.1"), .text("127.9.0.1"), .text("::1"), .token("null")])))
        }
        if oneIn(3) { members.append(("sharedAddress", .token(pick(["true", "false", "null"])))) }
        if oneIn(3) { members.append(("tls", pick([.text("terminate"), .token("null")]))) }
        if oneIn(3) {
            members.append(("maxConnections", .token(pick(["1", "500", "null", "\(Int.max)"]))))
        }
        return object(members)
    }

    private mutating func target() -> JSON {
        object(["id", "name", "database", "project"].map { ($0, .text(text())) })
    }

    private mutating func hostname() -> JSON {
        names += 1
        let name = "b\(names).pg.\(pick(["shop", "xn--mnchen-3ya", "s-h-o-p"])).example.net"
        return .text((oneIn(8) ? name.uppercased() : name) + (oneIn(8) ? "." : ""))
    }

    private mutating func text() -> String {
        pick([
            "", "dev", "dbt_0123456789abcdefghij", "shop \"ä\"", "日本", "🦔", "e\u{301}", "\u{e9}", "a/b\\c", "\0",
            "\u{1}\u{1f}\u{7f}\u{2028}\u{feff}\u{ffff}", "\r\n\t\u{8}\u{c}", "\u{10ffff}\u{d7ff}\u{e000}",
        ])
    }

    /// An object in any order, perhaps with keys that mean nothing.
    private mutating func object(_ members: [(key: String, value: JSON)]) -> JSON {
        var members = members
        if oneIn(4) {
            members.append((pick(["later", "", "Version", "hostname ", "tlsx", "a-key-that-is-longer"]), any()))
        }
        return .object(members.shuffled(using: &random))
    }

    /// Whatever JSON has.
    private mutating func any(depth: Int = 0) -> JSON {
        switch Int.random(in: depth < 4 ? 0..<5 : 2..<5, using: &random) {
        case 0: .list((0..<Int.random(in: 0...3, using: &random)).map { _ in any(depth: depth + 1) })
        case 1:
            .object(
                // Texts that compare as equal are two keys when their bytes differ.
                ["a", "b", "routes", "e\u{301}", "\u{e9}"].shuffled(using: &random)
                    .prefix(Int.random(in: 0...3, using: &random)).map { ($0, any(depth: depth + 1)) }
            )
        case 2: .text(text())
        default: .token(pick(["0", "-0", "-1.50", "1e5", "0.5E+3", "2e-400", "1e999", "true", "false", "null"]))
        }
    }

    // MARK: As a text

    /// A document as a text, with whitespace and escapes wherever they may be.
    mutating func rendered(_ json: JSON) -> Data {
        var text = ""
        render(json, to: &text)
        return Data(text.utf8)
    }

    private mutating func render(_ json: JSON, to text: inout String) {
        text += space()
        switch json {
        case .text(let string): render(string, to: &text)
        case .token(let token): text += token
        case .list(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                render(element, to: &text)
            }
            text += space() + "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                text += (index > 0 ? "," : "") + space() + "\"\(member.key)\"" + space() + ":"
                render(member.value, to: &text)
            }
            text += space() + "}"
        }
        text += space()
    }

    private mutating func render(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            let short: [Unicode.Scalar: String] = [
                "\"": #"\""#, "\\": #"\\"#, "/": #"\/"#, "\n": #"\n"#, "\r": #"\r"#, "\t": #"\t"#, "\u{8}": #"\b"#,
                "\u{c}": #"\f"#,
            ]
            if let escape = short[scalar], oneIn(2) {
                text += escape
            } else if scalar.value < 0x20 || scalar == "\"" || scalar == "\\" || oneIn(8) {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16, uppercase: oneIn(2))
                    text += #"\u"# + String(repeating: "0", count: 4 - digits.count) + digits
                }
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    private mutating func space() -> String { oneIn(2) ? "" : pick([" ", "\n", "\t", "\r\n    "]) }

    // MARK: Spoiled ones

    /// A document with a value, a key or a member of it changed, twice or gone.
    mutating func spoiled(_ json: JSON) -> JSON {
        switch json {
        case .list(var elements):
            guard let index = elements.indices.randomElement(using: &random) else { return bad() }
            switch Int.random(in: 0..<8, using: &random) {
            case 0: elements.append(elements[index])
            case 1: elements[index] = bad()
            default: elements[index] = spoiled(elements[index])
            }
            return .list(elements)
        case .object(var members):
            guard let index = members.indices.randomElement(using: &random) else { return bad() }
            switch Int.random(in: 0..<12, using: &random) {
            case 0: members.append(members[index])
            case 1: members.insert((members[index].key, bad()), at: 0)
            case 2: members.remove(at: index)
            case 3:
                members[index].key = pick([
                    "version", "routes", "target", "host", "\\u0069d", "\\u0068ostname", "é", "\\q", "\n",
                ])
            default: members[index].value = spoiled(members[index].value)
            }
            return .object(members)
        case .text, .token: return bad()
        }
    }

    private mutating func bad() -> JSON {
        .token(
            pick([
                "", "0", "1", "2", "65535", "65536", "-1", "-0", "1.0", "1e0", "01", "+1", ".5", "1.", "1e", "0x1",
                "NaN",
                "99999999999999999999", "9223372036854775807", "9223372036854775808", "null", "true", "tru", "nullx",
                "{}",
                "[]", "[,]", "[1,]", "{,}", "'a'", "\"\"", "\".\"", "\"a..b\"", "\"-a\"", "\"ab--c\"", "\"b1\"",
                "\"ä.b\"",
                "\"1.2.3.4\"", "\"10.0.0.1\"", "\"127.0.0.01\"", "\"::1\"", "\"passthrough\"", "\"\\ud800\"",
                "\"\\udc00\"",
                "\"\\ud83e\\u0041\"", "\"\\ud83e\\udd94\"", "\"\\u12g4\"", "\"\\x\"", "\"\t\"", "\"", "\"\\\"", "// no",
            ])
        )
    }

    /// A text with some of its bytes changed, gone, doubled or in another place.
    mutating func spoiled(_ data: Data) -> Data {
        var bytes = Array(data)
        for _ in 0..<Int.random(in: 1...2, using: &random) {
            guard let index = bytes.indices.randomElement(using: &random) else { break }
            let end = min(bytes.count, index + Int.random(in: 1...12, using: &random))
            switch Int.random(in: 0..<7, using: &random) {
            case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[index] = UInt8.random(in: 0 ... .max, using: &random)
            case 2: bytes.removeSubrange(index...)
            case 3: bytes.removeSubrange(index..<end)
            case 4: bytes.insert(pick(Array("{}[]:,\"\\ \n\r\t0129-+.eEntu/\0\u{7f}äé".utf8)), at: index)
            case 5: bytes.insert(contentsOf: bytes[index..<end], at: bytes.indices.randomElement(using: &random) ?? 0)
            default: bytes.swapAt(index, bytes.indices.randomElement(using: &random) ?? 0)
            }
        }
        return Data(bytes)
    }

    private mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &random) == 0 }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &random)]
    }
}
