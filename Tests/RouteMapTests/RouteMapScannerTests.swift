import Foundation
import Testing

@testable import RouteMap

/// How a text becomes a table, beside Foundation's reading of the same text.
@Suite struct RouteMapScannerTests {
    /// Reads a text, and holds the outcome against Foundation's:
    /// - what is taken is JSON, and has the same contents;
    /// - what is refused as no JSON is none, but for trailing commas and other encodings. The other way
    ///   round there is more: a route map has rules, and its reader refuses doubled keys and values
    ///   that are nested too deep.
    private func parse(_ data: Data) -> Result<RouteTable, RouteMapError> {
        let text = Comment(rawValue: String(decoding: data, as: UTF8.self))
        let result = Result { () throws(RouteMapError) in try RouteMapFile.parse(data) }
        switch result {
        case .success(let table):
            // None is equal to no table.
            #expect((try? RouteMapOracle.contents(data)) == RouteMapContents(table), text)
        case .failure(let error):
            #expect(error.line != nil, text)
            let isSyntax = error.problem.hasPrefix("is not JSON") || error.problem.hasPrefix("is not UTF-8")
            if isSyntax, !Self.isReadOtherwise(data), !Self.isTrailingComma(error) {
                #expect(!RouteMapOracle.isJSON(data), "\(error) but Foundation reads \(text)")
            }
        }
        return result
    }

    /// Where Foundation reads more than RFC 8259 has: other encodings, which it finds by the zero bytes.
    private static func isReadOtherwise(_ data: Data) -> Bool { data.prefix(4).contains(0) }

    /// Foundation takes a comma behind the last member or element, which RFC 8259 does not have.
    private static func isTrailingComma(_ error: RouteMapError) -> Bool {
        (error.problem.hasSuffix("found '}'") || error.problem.hasSuffix("found ']'"))
            && !error.problem.hasPrefix("is not JSON: expected ','")
    }

    private func accepts(_ data: Data) -> Bool { (try? parse(data).get()) != nil }

    private func accepts(_ text: String) -> Bool { accepts(Data(text.utf8)) }

    // MARK: Beside Foundation

    @Test(
        "Every good map is taken, in any order of keys, with any whitespace, escapes and unknown keys",
        arguments: 0..<20
    )
    func good(seed: Int) async {
        var documents = RouteMapDocuments(seed: seed)
        for _ in 0..<50 {
            await Task.yield()  // computing for long: others wait for the same few threads
            let data = documents.rendered(documents.document())
            #expect(accepts(data), "\(String(decoding: data, as: UTF8.self))")
        }
    }

    @Test("Of a spoiled map nothing is taken that Foundation refuses or reads as something else", arguments: 0..<20)
    func spoiled(seed: Int) async {
        var documents = RouteMapDocuments(seed: 1_000 + seed)
        var taken = 0
        for _ in 0..<50 {
            await Task.yield()  // computing for long: others wait for the same few threads
            let document = documents.document()
            let data = documents.rendered(document)
            for _ in 0..<8 where accepts(documents.rendered(documents.spoiled(document))) { taken += 1 }
            for _ in 0..<8 where accepts(documents.spoiled(data)) { taken += 1 }
        }
        // Some changes do no harm; some are found.
        #expect((20...400).contains(taken))
    }

    @Test("A map that is cut off anywhere is refused as no JSON")
    func truncated() {
        let text = MapText.map(
            routes: MapText.route(#", "hostPort": 1, "host": "::1", "n": [-1.5e+3, {"\u00e9": null, "t": true}]"#)
        )
        #expect(accepts(text))
        let bytes = Array(text.utf8)
        for length in bytes.indices {
            guard case .failure(let error) = parse(Data(bytes[..<length])) else {
                Issue.record("\(length) bytes are taken")
                continue
            }
            #expect(error.problem.hasPrefix("is not JSON"), "\(error)")
        }
        // A slice begins at another index than 0.
        #expect(accepts(Data("xx\(MapText.map())".utf8).dropFirst(2)))
    }

    // MARK: What is written

    @Test("What is written is read as the same, whatever the branches are called")
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
                isSharedAddress: index % 4 == 0,
                target: Target(id: "dbt_\(index)", name: name, database: name, project: name)
            )
        }
        let stopped = [StoppedRoute(hostname: try Hostname("qa.pg.shop.example.net"), target: routes[2].target)]
        let confirmation = RouteMapConfirmation(
            confirmedAt: Date(timeIntervalSince1970: 1_800_000_000),
            validForSeconds: 300
        )
        for (routes, stopped) in [(routes, stopped), ([], stopped), (routes, []), ([], [])] {
            for confirmation in [nil, confirmation] {
                let data = try RouteMapFile.encode(
                    routes: routes,
                    stopped: stopped,
                    generatedAt: .now,
                    confirmation: confirmation
                )
                let table = try parse(data).get()
                let expected = try RouteTable(routes: routes, stopped: stopped, confirmation: confirmation)
                #expect(RouteMapContents(table) == RouteMapContents(expected))
                #expect(table.confirmation == confirmation)
            }
        }
    }

    // MARK: What is good

    @Test("Null is as good as no key where the key is optional")
    func null() {
        let nulls = #", "hostPort": 1, "host": null, "tls": null, "maxConnections":null, "sharedAddress": null"#
        #expect(accepts(MapText.map(routes: MapText.route(nulls))))
        #expect(accepts(#"{"version":1,"routes":[],"stopped":null,"confirmedAt":null,"validForSeconds":null}"#))
    }

    @Test(
        "What is unusual but good is taken",
        arguments: [
            "\u{feff}" + MapText.map(), MapText.map(routes: MapText.route(#", "host\u0050ort": 1"#)),
            MapText.map(more: #", "é": 1"#), MapText.map(more: #", "a\tb": 1"#), MapText.map(more: ", \"\": \"\""),
            // Two keys, though the two texts compare as equal.
            MapText.map(more: ", \"e\u{301}\": 1, \"\u{e9}\": 2"),
        ]
    )
    func unusual(text: String) {
        #expect(accepts(text))
    }

    @Test("Escapes are read as what they stand for")
    func goodEscapes() throws {
        let text = MapText.map(name: #"\"\\\/\b\f\n\r\t\u0000\u00e9\u00E9\ud83e\udd94\uD7FF\uE000\uffff."#)
        let name = try parse(Data(text.utf8)).get().routes.first?.target.name
        #expect(name == "\"\\/\u{8}\u{c}\n\r\t\0éé🦔\u{d7ff}\u{e000}\u{ffff}.")
    }

    // MARK: What is refused

    private static func nested(_ depth: Int) -> String {
        String(repeating: #"[{"a":"#, count: depth / 2) + (depth % 2 == 0 ? "0" : "[]")
            + String(repeating: "}]", count: depth / 2)
    }

    @Test("Unknown keys are skipped to a depth, and a deep text does not exhaust the stack")
    func deep() {
        let most = JSONScanner.maximumDepth - 1
        #expect(accepts(MapText.map(more: ", \"deep\": \(Self.nested(most))")))
        #expect(!accepts(MapText.map(more: ", \"deep\": \(Self.nested(most + 1))")))
        for bracket in ["[", "{\"a\":", "{\"routes\":["] {
            let deep = String(repeating: bracket, count: 200_000)
            for text in [#"{"version":1,"routes":[],"deep":"# + deep, deep] {
                // Foundation is not asked: its own reader may be less careful.
                #expect(throws: RouteMapError.self) { try RouteMapFile.parse(Data(text.utf8)) }
            }
        }
    }

    @Test(
        "Numbers that do not fit are refused",
        arguments: [
            "9223372036854775808", "99999999999999999999", String(repeating: "9", count: 10_000), "-1", "-0", "01",
            "00", "1.5", "1.0", "1e0", "1e400", "0x10", "+1", "-", "",
        ]
    )
    func numbers(number: String) {
        #expect(!accepts(MapText.map(routes: MapText.route(", \"hostPort\": \(number)"))))
        #expect(!accepts(MapText.map(routes: MapText.route(", \"hostPort\": 1, \"maxConnections\": \(number)"))))
        #expect(!accepts(#"{ "version": \#(number), "routes": [] }"#))
    }

    @Test(
        "Escapes that are none, and halves of surrogate pairs, are refused",
        arguments: [
            #"\ud83e"#, #"\ud83e "#, #"\ud83e\n"#, #"\ud83e\ud83e"#, #"\udd94"#, #"\udd94\ud83e"#, #"\ud83e\u0041"#,
            #"\u"#, #"\u12"#, #"\u12g4"#, #"\u+123"#, #"\x41"#, #"\'"#, #"\U0041"#, "\\", "\\\n", "\n", "\0", "\u{1f}",
        ]
    )
    func escapes(name: String) {
        #expect(!accepts(MapText.map(name: name)))
        #expect(!accepts(MapText.map(more: ", \"unknown\": \"\(name)\"")))
        #expect(!accepts(MapText.map(more: ", \"\(name)\": 1")))
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
            MapText.map(name: "?"), MapText.map(name: #"\n?"#), MapText.map(name: #"?\n"#),
            MapText.map(more: ", \"unknown\": \"?\""),
            MapText.map(more: ", \"?\": 1"), "?" + MapText.map(), MapText.map() + "?",
        ] {
            #expect(accepts(text.replacingOccurrences(of: "?", with: "")))
            let data = Data(text.utf8.flatMap { $0 == UInt8(ascii: "?") ? bytes : [$0] })
            #expect(!accepts(data))
        }
    }

    @Test(
        "What no grammar allows is refused",
        arguments: [
            " ", "\0", MapText.map() + "x", MapText.map() + MapText.map(), MapText.map() + "\0", MapText.map(more: ","),
            MapText.map(more: ", 1"), MapText.map(more: ", \"a\""), MapText.map(more: ", \"a\":"),
            MapText.map(more: #", "a": [1,]"#), MapText.map(more: #", "a": [,1]"#), MapText.map(more: #", "a": [1 2]"#),
            MapText.map(more: #", "a": {,}"#), MapText.map(more: #", "a": {"b" 1}"#),
            MapText.map(more: #", "a": nulll"#), MapText.map(more: #", "a": True"#), MapText.map(more: #", "a": 'b'"#),
            MapText.map(more: #", "a": 1."#), MapText.map(more: #", "a": .1"#), MapText.map(more: #", "a": 1e"#),
            MapText.map(more: #", "a": 1e+"#), MapText.map(more: #", "a": 01"#), MapText.map(more: #", "a": -"#),
            MapText.map(more: #", "a": NaN"#), MapText.map(more: #", /* */ "a": 1"#),
            MapText.map(routes: MapText.route(#", "hostPort": 1,"#)),
            MapText.map(routes: MapText.route(#", "hostPort": 1"#) + ","),
            MapText.map(routes: "null"), MapText.map(stopped: "{}"),
        ]
    )
    func refused(text: String) {
        #expect(!accepts(text))
    }
}

/// Route maps as texts.
enum MapText {
    static let target = #"{ "id": "dbt_1", "name": "dev", "database": "shop", "project": "shop" }"#

    static func map(routes: String = "", stopped: String = "", more: String = "") -> String {
        #"{ "version": 1, "routes": [\#(routes)], "stopped": [\#(stopped)] \#(more) }"#
    }

    static func route(_ more: String, hostname: String = "dev.pg.shop.example.net") -> String {
        #"{ "hostname": "\#(hostname)", "target": \#(target) \#(more) }"#
    }

    /// A map of one route with a branch that is called so, as JSON has it.
    static func map(name: String) -> String {
        map(routes: route(#", "hostPort": 1"#)).replacingOccurrences(of: #""dev""#, with: "\"\(name)\"")
    }
}
