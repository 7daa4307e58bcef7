import Foundation
import Testing

@testable import RouteMap

@Suite struct RouteMapScannerTests {
    private static let target = #"{ "id": "dbt_1", "name": "dev", "database": "shop", "project": "shop" }"#

    private static func map(routes: String = "", stopped: String = "", more: String = "") -> String {
        #"{ "version": 1, "routes": [\#(routes)], "stopped": [\#(stopped)] \#(more) }"#
    }

    private static func route(_ more: String, hostname: String = "dev.pg.shop.example.net") -> String {
        #"{ "hostname": "\#(hostname)", "target": \#(target) \#(more) }"#
    }

    /// A map of one route with a branch that is called so, as JSON has it.
    private static func map(name: String) -> String {
        map(routes: route(#", "hostPort": 1"#)).replacingOccurrences(of: #""dev""#, with: "\"\(name)\"")
    }

    /// Everything that a table has, each text byte by byte: texts compare as equal that have other bytes.
    private struct Contents: Equatable {
        let routes: [Route]
        let stopped: [StoppedRoute]
        let texts: [[UInt8]]

        init(_ table: RouteTable) {
            routes = table.routes
            stopped = table.stopped
            let targets = table.routes.map(\.target) + table.stopped.map(\.target)
            texts = targets.flatMap { [$0.id, $0.name, $0.database, $0.project] }.map { Array($0.utf8) }
        }
    }

    /// Whether the scanner takes a text; if so, the decoder must take it for the same.
    private func scans(_ data: Data) -> Bool {
        guard let table = RouteMapFile.scan(data) else { return false }
        let comment = Comment(rawValue: String(decoding: data, as: UTF8.self))
        #expect(throws: Never.self, comment) {
            let decoded = try RouteMapFile.decode(data)
            #expect(Contents(table) == Contents(decoded), comment)
        }
        return true
    }

    private func scans(_ text: String) -> Bool { scans(Data(text.utf8)) }

    // MARK: Beside the decoder

    @Test(
        "Every good map is scanned, in any order of keys, with any whitespace, escapes and unknown keys",
        arguments: 0..<20
    )
    func good(seed: Int) {
        var documents = RouteMapDocuments(seed: seed)
        for _ in 0..<50 {
            let data = documents.rendered(documents.document())
            #expect(scans(data), "\(String(decoding: data, as: UTF8.self))")
        }
    }

    @Test("Of a spoiled map nothing is taken that the decoder refuses or reads as something else", arguments: 0..<20)
    func spoiled(seed: Int) {
        var documents = RouteMapDocuments(seed: 1_000 + seed)
        var taken = 0
        for _ in 0..<50 {
            let document = documents.document()
            let data = documents.rendered(document)
            for _ in 0..<8 where scans(documents.rendered(documents.spoiled(document))) { taken += 1 }
            for _ in 0..<8 where scans(documents.spoiled(data)) { taken += 1 }
        }
        // Some changes do no harm; some are found.
        #expect((20...400).contains(taken))
    }

    @Test("A map that is cut off anywhere is refused by both")
    func truncated() {
        let text = Self.map(routes: Self.route(#", "hostPort": 1, "host": "::1", "n": [-1.5e+3, {"\u00e9": null}]"#))
        #expect(scans(text.replacingOccurrences(of: #"\u00e9"#, with: "e")))
        let bytes = Array(text.utf8)
        for length in bytes.indices {
            let data = Data(bytes[..<length])
            #expect(RouteMapFile.scan(data) == nil)
            #expect(throws: RouteMapError.self) { try RouteMapFile.parse(data) }
        }
        // A slice begins at another index than 0.
        #expect(scans(Data("xx\(Self.map())".utf8).dropFirst(2)))
    }

    // MARK: What is written

    @Test("What is written is scanned, whatever the branches are called")
    func written() throws {
        let names = [
            "", "dev", #"shop "ä" / \"#, "日本 🦔", "e\u{301}", "\0\u{1}\u{8}\t\n\u{c}\r\u{1f}\u{7f}",
            "\u{2028}\u{feff}\u{ffff}",
            String(repeating: "x", count: 10_000),
        ]
        let routes = try names.enumerated().map { index, name in
            Route(
                hostname: try Hostname("b\(index).pg.shop.example.net"),
                host: index % 2 == 0 ? Route.defaultHost : "::1",
                hostPort: UInt16.max - UInt16(index),
                maxConnections: [nil, 1, Int.max][index % 3],
                target: Target(id: "dbt_\(index)", name: name, database: name, project: name)
            )
        }
        let stopped = [StoppedRoute(hostname: try Hostname("qa.pg.shop.example.net"), target: routes[2].target)]
        for (routes, stopped) in [(routes, stopped), ([], stopped), (routes, []), ([], [])] {
            let data = try RouteMapFile.encode(routes: routes, stopped: stopped, generatedAt: .now)
            #expect(scans(data))
            let table = try #require(RouteMapFile.scan(data))
            #expect(Contents(table) == Contents(try RouteTable(routes: routes, stopped: stopped)))
        }
    }

    @Test("Null is as good as no key where the key is optional")
    func null() {
        #expect(
            scans(Self.map(routes: Self.route(#", "hostPort": 1, "host": null, "tls": null, "maxConnections":null"#)))
        )
        #expect(scans(#"{"version":1,"routes":[],"stopped":null}"#))
    }

    // MARK: What is left to the decoder

    @Test(
        "What is unusual but good is decoded",
        arguments: [
            "\u{feff}" + map(), map(routes: route(#", "hostPort": 1.0"#)), map(routes: route(#", "hostPort": 1e0"#)),
            map(routes: route(#", "host\u0050ort": 1"#)), map(more: #", "é": 1"#), map(more: #", "a\tb": 1"#),
            map(more: ", \"deep\": \(nested(RouteMapScanner.maximumDepth + 1))"),
        ]
    )
    func unusual(text: String) throws {
        let data = Data(text.utf8)
        #expect(RouteMapFile.scan(data) == nil)
        #expect(throws: Never.self) { try RouteMapFile.parse(data) }
    }

    private static func nested(_ depth: Int) -> String {
        String(repeating: #"[{"a":"#, count: depth / 2) + (depth % 2 == 0 ? "0" : "[]")
            + String(repeating: "}]", count: depth / 2)
    }

    @Test("Unknown keys are skipped to a depth, and a deep text does not exhaust the stack")
    func deep() {
        #expect(scans(Self.map(more: ", \"deep\": \(Self.nested(RouteMapScanner.maximumDepth - 1))")))
        for bracket in ["[", "{\"a\":", "{\"routes\":["] {
            let text = #"{"version":1,"routes":[],"deep":"# + String(repeating: bracket, count: 200_000)
            #expect(RouteMapFile.scan(Data(text.utf8)) == nil)
            #expect(RouteMapFile.scan(Data(String(repeating: bracket, count: 200_000).utf8)) == nil)
        }
    }

    @Test(
        "Numbers that do not fit are refused",
        arguments: [
            "9223372036854775808", "99999999999999999999", String(repeating: "9", count: 10_000), "-1", "-0", "01",
            "00",
            "1.5", "1e400", "0x10", "+1", "",
        ]
    )
    func numbers(number: String) {
        #expect(!scans(Self.map(routes: Self.route(", \"hostPort\": \(number)"))))
        #expect(!scans(Self.map(routes: Self.route(", \"hostPort\": 1, \"maxConnections\": \(number)"))))
        #expect(!scans(#"{ "version": \#(number), "routes": [] }"#))
    }

    @Test(
        "Escapes that are none, and halves of surrogate pairs, are refused",
        arguments: [
            #"\ud83e"#, #"\ud83e "#, #"\ud83e\n"#, #"\ud83e\ud83e"#, #"\udd94"#, #"\udd94\ud83e"#, #"\ud83e\u0041"#,
            #"\u"#, #"\u12"#, #"\u12g4"#, #"\u+123"#, #"\x41"#, #"\'"#, #"\U0041"#, "\\", "\\\n", "\n", "\0", "\u{1f}",
        ]
    )
    func escapes(name: String) {
        #expect(!scans(Self.map(name: name)))
        #expect(!scans(Self.map(more: ", \"unknown\": \"\(name)\"")))
        #expect(!scans(Self.map(more: ", \"\(name)\": 1")))
    }

    @Test("Escapes are read as what they stand for")
    func goodEscapes() throws {
        let text = Self.map(name: #"\"\\\/\b\f\n\r\t\u0000\u00e9\u00E9\ud83e\udd94\uD7FF\uE000\uffff."#)
        #expect(scans(text))
        let name = try #require(RouteMapFile.scan(Data(text.utf8))).routes[0].target.name
        #expect(name == "\"\\/\u{8}\u{c}\n\r\t\0éé🦔\u{d7ff}\u{e000}\u{ffff}.")
    }

    @Test(
        "Bytes that are not UTF-8 are refused",
        arguments: [
            [0x80], [0xbf], [0xc0, 0x80], [0xc3], [0xc3, 0x28], [0xe0, 0x80, 0x80], [0xe2, 0x82], [0xed, 0xa0, 0x80],
            [0xf0, 0x9f, 0xa6], [0xf0, 0x80, 0x80, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80],
            [0xff],
        ] as [[UInt8]]
    )
    func invalidUTF8(bytes: [UInt8]) {
        for text in [
            Self.map(name: "?"), Self.map(name: #"\n?"#), Self.map(name: #"?\n"#),
            Self.map(more: ", \"unknown\": \"?\""),
            Self.map(more: ", \"?\": 1"), "?" + Self.map(), Self.map() + "?",
        ] {
            #expect(scans(text.replacingOccurrences(of: "?", with: "")))
            let data = Data(text.utf8.flatMap { $0 == UInt8(ascii: "?") ? bytes : [$0] })
            #expect(!scans(data))
        }
    }

    @Test(
        "What no grammar or no rule allows is refused",
        arguments: [
            " ", "\0", map() + "x", map() + map(), map() + "\0", map(more: ","), map(more: ", 1"), map(more: ", \"a\""),
            map(more: ", \"a\":"), map(more: #", "version": 1"#), map(more: #", "routes": []"#),
            map(more: #", "stopped": null"#),
            map(more: #", "a": [1,]"#), map(more: #", "a": [,1]"#), map(more: #", "a": [1 2]"#),
            map(more: #", "a": {,}"#),
            map(more: #", "a": {"b" 1}"#), map(more: #", "a": nulll"#), map(more: #", "a": True"#),
            map(more: #", "a": 'b'"#),
            map(more: #", "a": 1."#), map(more: #", "a": .1"#), map(more: #", "a": 1e"#), map(more: #", "a": 1e+"#),
            map(more: #", "a": 01"#), map(more: #", "a": -"#), map(more: #", "a": NaN"#), map(more: #", /* */ "a": 1"#),
            map(routes: route(#", "hostPort": 1,"#)), map(routes: route(#", "hostPort": 1"#) + ","),
            map(routes: route(#", "hostPort": 1, "hostPort": 1"#)),
            map(routes: route(#", "hostPort": 1, "target": {}"#)),
            map(routes: route(#", "hostPort": 1, "host": null, "host": "::1""#)), map(routes: "null"),
            map(stopped: "{}"),
        ]
    )
    func refused(text: String) {
        #expect(!scans(text))
    }

    // MARK: Faults

    /// The faults of `RouteMapFileTests`, with what is told of them; an empty text is the JSON decoder's own.
    @Test(
        "The fault of a map is told as the decoder finds it",
        arguments: [
            ("", ""), ("[]", "is not an object"), ("{", ""),
            (#"{ "version": 2, "routes": "new" }"#, "version: 2 is not known; only 1 is"),
            (#"{ "version": "1", "routes": [] }"#, "version: is not a whole number"),
            (#"{ "routes": [] }"#, "version: is missing"), (#"{ "version": 1 }"#, "routes: is missing"),
            (#"{ "version": 1, "routes": {} }"#, ""), (map(routes: route("")), "routes[0].hostPort: is missing"),
            (map(routes: route(#", "hostPort": 0"#)), "routes[0].hostPort: 0 is not a port (1 to 65535)"),
            (map(routes: route(#", "hostPort": 65536"#)), "routes[0].hostPort: 65536 is not a port (1 to 65535)"),
            (map(routes: route(#", "hostPort": "10001""#)), "routes[0].hostPort: is not a whole number"),
            (
                map(routes: route(#", "hostPort": 1, "host": "10.0.0.1""#)),
                "routes[0].host: '10.0.0.1' is not a loopback IP address (127.0.0.0/8 or ::1)"
            ),
            (
                map(routes: route(#", "hostPort": 1, "host": "127.0.0.01""#)),
                "routes[0].host: '127.0.0.01' is not a loopback IP address (127.0.0.0/8 or ::1)"
            ),
            (
                map(routes: route(#", "hostPort": 1, "host": "127.0.0.1.evil.example""#)),
                "routes[0].host: '127.0.0.1.evil.example' is not a loopback IP address (127.0.0.0/8 or ::1)"
            ),
            (
                map(routes: route(#", "hostPort": 1, "host": "localhost""#)),
                "routes[0].host: 'localhost' is not a loopback IP address (127.0.0.0/8 or ::1)"
            ),
            (
                map(routes: route(#", "hostPort": 1, "tls": "passthrough""#)),
                "routes[0].tls: 'passthrough' is not offered by this version; use 'terminate'"
            ),
            (
                map(routes: route(#", "hostPort": 1, "maxConnections": 0"#)),
                "routes[0].maxConnections: 0 is not a number from 1 up"
            ),
            (
                map(routes: route(#", "hostPort": 1"#, hostname: "a..b")),
                "routes[0].hostname: 'a..b' has an empty label (two dots in a row, or one at the start)"
            ),
            (map(routes: #"{ "hostname": "a.b", "hostPort": 1 }"#), "routes[0].target: is missing"),
            (
                map(
                    routes: route(#", "hostPort": 1"#) + ","
                        + route(#", "hostPort": 2"#, hostname: "DEV.pg.shop.example.net")
                ),
                "routes[1].hostname: 'dev.pg.shop.example.net' is there twice"
            ),
            (
                map(routes: route(#", "hostPort": 1"#), stopped: route("")),
                "stopped[0].hostname: 'dev.pg.shop.example.net' is there twice"
            ),
            (
                map(stopped: route("", hostname: "ä")),
                "stopped[0].hostname: 'ä' has a character other than letters, digits, hyphens and dots"
            ),
        ]
    )
    func faults(text: String, description: String) {
        let data = Data(text.utf8)
        #expect(RouteMapFile.scan(data) == nil)
        let error = #expect(throws: RouteMapError.self) { try RouteMapFile.parse(data) }
        let decoded = #expect(throws: RouteMapError.self) { try RouteMapFile.decode(data) }
        #expect(error == decoded)
        if !description.isEmpty { #expect(error?.description == description) }
    }
}
