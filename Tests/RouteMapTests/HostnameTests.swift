import RouteMap
import Testing

@Suite struct HostnameTests {
    @Test(
        "Case and one trailing dot do not matter",
        arguments: [
            ("dev.pg.shop.example.net", "dev.pg.shop.example.net"),
            ("DEV.pg.Shop.Example.NET", "dev.pg.shop.example.net"),
            ("dev.pg.shop.example.net.", "dev.pg.shop.example.net"), ("localhost", "localhost"),
            ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"), ("1.example", "1.example"),
        ]
    )
    func sameName(text: String, name: String) throws {
        #expect(try Hostname(text).name == name)
    }

    @Test(
        "Texts that are no hostname say why",
        arguments: [
            ("", .empty), (".", .empty), ("..", .emptyLabel), ("a..b", .emptyLabel), (".a", .emptyLabel),
            ("a.b..", .emptyLabel), ("-a.b", .hyphenAtEnd), ("a-.b", .hyphenAtEnd), ("ab--c.d", .reservedLabel),
            ("a_b.c", .invalidCharacter), ("a b", .invalidCharacter), ("ä.example", .invalidCharacter),
            ("a\0b", .invalidCharacter), ("127.0.0.1", .numeric), ("::1", .invalidCharacter),
            ("*.example", .invalidCharacter),
            ("10.0.0.1.", .numeric),
        ] as [(String, HostnameError)]
    )
    func notAName(text: String, error: HostnameError) {
        #expect(throws: error) { try Hostname(text) }
    }

    /// 253 characters: three labels of 63 and one of 61.
    private static let longest =
        (Array(repeating: String(repeating: "a", count: 63), count: 3)
        + [String(repeating: "b", count: 61)]).joined(separator: ".")

    @Test("253 characters are a name, with or without the dot; 254 are none")
    func lengths() throws {
        #expect(Self.longest.count == 253)
        #expect(try Hostname(Self.longest).name == Self.longest)
        #expect(try Hostname(Self.longest + ".").name == Self.longest)
        #expect(throws: HostnameError.tooLong(254)) { try Hostname(Self.longest + "b") }
        #expect(throws: HostnameError.labelTooLong(64)) { try Hostname(String(repeating: "a", count: 64)) }
    }
}
