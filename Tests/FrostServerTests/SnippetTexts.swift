import TestSupport

@testable import FrostServer

/// Texts and connections to write into snippets.
enum SnippetTexts {
    static let plain = ConnectionInfo(
        host: "dev.pg.shop.example.net",
        port: 5432,
        username: "frost",
        password: "s3cret_-x",
        databaseName: "shop",
        sslMode: .require
    )

    /// Each of these has once been somebody's password, or might end a literal, a word or a URL.
    static let nasty = [
        "plain", "it's", "say \"hi\"", #"\"#, #"\\"#, #"ends in \"#, #"\u0041 \n \x41 \101 \(id) \N{DASH}"#, "$HOME",
        "${HOME}",
        "$(id)", "`id`", "%", "%41", "%%", "%s", "@", "/", "//", ":", "?", "#", "&", "=", "+", " ", " a b ", "~",
        "~root",
        "a:~b", "!", "!!", "*", "[a]", "{a,b}", "(", ")", "<", ">", "|", ";", ",", "'\"`$\\", "''", "'''", "\"\"\"",
        "</script>",
        "*/", "//x", "--", "\n", "a\nb", "\r\n", "\t", "\u{1}", "\u{7F}", "\u{85}", "\u{A0}", "ümlaut", "e\u{301}", "é",
        "日本語",
        "🐘", "👩‍👩‍👧", "\u{202E}abc", "\u{2028}", "\u{FEFF}", "\u{E000}", "\u{10FFFF}", "-c", "=", "export X", "host=evil",
    ]

    /// Those, and as many again made of the same characters by a fixed seed.
    static let texts: [String] = {
        var random = SplitMix64(seed: 2026)
        let alphabet = nasty.joined().unicodeScalars.map { $0 }
        let made = nasty.map { _ in
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                text.append(alphabet.randomElement(using: &random) ?? "x")
            }
            return String(text)
        }
        return nasty + made
    }()

    static let infos: [ConnectionInfo] = texts.enumerated().map { index, text in
        var info = plain
        info.password = text
        // "plain" is the one whose every name can be looked for in the answers.
        info.username = index == 0 ? "frost" : texts[(index + 7) % texts.count]
        info.databaseName = index == 0 ? "shop" : texts[(index + 13) % texts.count]
        if index % 2 == 1 { info.host = "dev.pg.shop.localhost" }
        if index % 3 == 2 { info.sslMode = .verifyFull(.file(texts[(index + 3) % texts.count])) }
        return info
    }

    static func own(_ kind: SnippetKind, _ info: ConnectionInfo) -> String? {
        ConnectionSnippets.snippet(kind, info).url
    }

    static func text(_ kind: SnippetKind, _ info: ConnectionInfo) -> String {
        ConnectionSnippets.snippet(kind, info).text
    }

    /// What a program that uses the text has to hand to its driver.
    static func values(of info: ConnectionInfo) -> [String?] {
        [info.username, info.password, info.databaseName, info.sslMode?.rootCertificate]
    }

    /// Swift's own `==` takes `é` and `e\u{301}` for the same.
    static func same(_ texts: [String?], _ others: [String?]) -> Bool {
        texts.map { $0.map { Array($0.utf8) } } == others.map { $0.map { Array($0.utf8) } }
    }
}
