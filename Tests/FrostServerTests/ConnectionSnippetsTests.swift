import Foundation
import TestSupport
import Testing

@testable import FrostServer

/// What is written into the snippets, read back by those who will read it: the shell, Node.js, Python and the compilers.
@Suite struct ConnectionSnippetsTests {
    static let plain = ConnectionInfo(
        host: "dev.pg.shop.example.net",
        port: 5432,
        username: "frost",
        password: "s3cret_-x",
        databaseName: "shop",
        sslMode: .require
    )

    // MARK: Texts

    @Test func aTabForEachKindInOrder() {
        let all = ConnectionSnippets.all(Self.plain)
        let titles = [
            "URL", "psql", ".env", "Node.js", "JDBC", "Python", "SQLAlchemy", "Django", "Go", "ActiveRecord",
        ]
        #expect(all.map(\.kind) == SnippetKind.allCases)
        #expect(all.map(\.title) == titles)
        #expect(all.allSatisfy { !$0.language.isEmpty && $0.note?.hasSuffix(".") == true })
    }

    @Test func plainNamesAreLeftAsTheyAre() {
        let url = "postgresql://frost:s3cret_-x@dev.pg.shop.example.net:5432/shop?sslmode=require"
        #expect(ConnectionSnippets.url(Self.plain) == url)
        #expect(text(.url, Self.plain) == url)
        #expect(text(.psql, Self.plain) == "psql \"\(url)\"")
        let variables = """
            PGHOST=dev.pg.shop.example.net
            PGPORT=5432
            PGUSER=frost
            PGPASSWORD=s3cret_-x
            PGDATABASE=shop
            PGSSLMODE=require

            """
        #expect(text(.env, Self.plain) == "DATABASE_URL=\(url)\n" + variables)
    }

    @Test func withoutTLSNothingSpeaksOfIt() {
        var info = Self.plain
        info.sslMode = nil
        #expect(ConnectionSnippets.url(info) == "postgresql://frost:s3cret_-x@dev.pg.shop.example.net:5432/shop")
        for kind in SnippetKind.allCases where kind != .go {
            let snippet = ConnectionSnippets.snippet(kind, info)
            #expect(!snippet.text.lowercased().contains("ssl"))
            #expect(snippet.url?.contains("ssl") != true)
            #expect(snippet.note == nil || kind == .url)
        }
        // Its default is another than libpq's, as the URL's note says.
        #expect(text(.go, info).contains("sslmode=disable"))
        #expect(ConnectionSnippets.snippet(.url, info).note?.contains("lib/pq encrypts unless") == true)
    }

    @Test func namesOfThisHostAreNotLookedUp() {
        var info = Self.plain
        info.host = "dev.pg.shop.localhost"
        #expect(ConnectionSnippets.url(info).hasSuffix("/shop?sslmode=require&hostaddr=127.0.0.1"))
        #expect(text(.psql, info).contains("/shop?sslmode=require&hostaddr=127.0.0.1\""))
        #expect(text(.env, info).hasPrefix("DATABASE_URL=postgresql://"))
        #expect(text(.env, info).contains("\nPGHOSTADDR=127.0.0.1\n"))
        #expect(text(.node, info).contains(#"servername: "dev.pg.shop.localhost""#))
        #expect(text(.jdbc, info).contains("jdbc:postgresql://dev.pg.shop.localhost:5432/"))
        #expect(text(.jdbc, info).contains(#"new Socket("127.0.0.1", 5432)"#))
        #expect(text(.go, info).contains(#"thisHost{"127.0.0.1:5432"}"#))
        #expect(text(.sqlalchemy, info).contains(#"query={"sslmode": "require", "hostaddr": "127.0.0.1"}"#))
        #expect(text(.django, info).contains(#""OPTIONS": {"sslmode": "require", "hostaddr": "127.0.0.1"}"#))
        #expect(text(.activerecord, info).contains(#"hostaddr: "127.0.0.1""#))
        for snippet in ConnectionSnippets.all(Self.plain) {
            #expect(!snippet.text.contains("127.0.0.1"))
        }
    }

    /// A word of libpq's, which asyncpg hands on to the server, which refuses it.
    @Test func noPlainURLHasAnAddress() {
        for mode in [SSLMode.require, .verifyFull(.file("frost-ca.crt")), .verifyFull(.system)] {
            var info = Self.plain
            info.host = "dev.pg.shop.localhost"
            info.sslMode = mode
            let url = ConnectionSnippets.snippet(.url, info)
            #expect(!url.text.contains("hostaddr"))
            #expect(url.note?.contains(#"add the line "127.0.0.1 dev.pg.shop.localhost" to /etc/hosts"#) == true)
            let database = text(.env, info).split(separator: "\n").first ?? ""
            #expect(database.hasPrefix("DATABASE_URL=") && !database.contains("hostaddr"))
            for kind in [SnippetKind.node, .jdbc] {
                let own = ConnectionSnippets.snippet(kind, info)
                #expect(own.url?.contains("hostaddr") == false && own.note?.contains("for the URL, where") == true)
            }
        }
        #expect(ConnectionSnippets.snippet(.url, Self.plain).note?.contains("/etc/hosts") == false)
    }

    @Test func aDriverWithAURLOfItsOwnHasItInOneLine() {
        var info = Self.plain
        let place = "dev.pg.shop.example.net:5432/shop"
        #expect(own(.node, info) == "postgresql://frost:s3cret_-x@\(place)?sslmode=no-verify")
        #expect(own(.jdbc, info) == "jdbc:postgresql://\(place)?user=frost&password=s3cret_-x&sslmode=require")
        info.sslMode = .verifyFull(.file("frost-ca.crt"))
        #expect(own(.node, info)?.hasSuffix("?sslmode=verify-full&sslrootcert=frost-ca.crt") == true)
        info.sslMode = .verifyFull(.system)
        #expect(own(.node, info)?.hasSuffix("/shop?sslmode=verify-full") == true)
        for kind in SnippetKind.allCases where ![.node, .jdbc].contains(kind) { #expect(own(kind, info) == nil) }
    }

    @Test func theURLSaysForWhichDriversItIsNot() {
        var info = Self.plain
        let note = { (mode: SSLMode?) -> String in
            info.sslMode = mode
            return ConnectionSnippets.snippet(.url, info).note ?? ""
        }
        #expect(note(.require).contains("node-postgres reads sslmode=require as verify-full"))
        #expect(note(.require).contains("pgx 4.15 sends the server name only with verify-full"))
        #expect(note(.verifyFull(.system)).contains("leave it out"))
        for mode in [nil, .require, .verifyFull(.file("a")), .verifyFull(.system)] as [SSLMode?] {
            #expect(note(mode).hasPrefix("Works in psql, psycopg and others that use libpq"))
            #expect(note(mode).contains("JDBC has URLs of its own"))
        }
    }

    // MARK: Checking the certificate

    @Test func withAFileOfTheCAEveryDriverReadsIt() {
        var info = Self.plain
        info.sslMode = .verifyFull(.file("/var/lib/frost data/ca.crt"))
        let parameters = "sslmode=verify-full&sslrootcert=/var/lib/frost%20data/ca.crt"
        #expect(ConnectionSnippets.url(info).hasSuffix("/shop?\(parameters)"))
        #expect(text(.env, info).contains("\(parameters)'\n"))
        #expect(text(.env, info).contains("\nPGSSLMODE=verify-full\nPGSSLROOTCERT='/var/lib/frost data/ca.crt'\n"))
        #expect(text(.node, info).contains(#"ssl: { ca: fs.readFileSync("/var/lib/frost data/ca.crt") },"#))
        #expect(text(.jdbc, info).contains("&\(parameters)\""))
        #expect(text(.python, info).contains(#"sslrootcert="/var/lib/frost data/ca.crt","#))
        #expect(text(.go, info).contains("?\(parameters)\""))
        #expect(text(.django, info).contains(#""sslrootcert": "/var/lib/frost data/ca.crt""#))
        #expect(text(.activerecord, info).contains(#"sslrootcert: "/var/lib/frost data/ca.crt""#))
    }

    @Test func withTheSystemsCAsEveryDriverHasItsOwnWord() {
        var info = Self.plain
        info.sslMode = .verifyFull(.system)
        #expect(ConnectionSnippets.url(info).hasSuffix("/shop?sslmode=verify-full&sslrootcert=system"))
        // The URL for those to whom sslrootcert is a file, the variable for libpq.
        #expect(text(.env, info).contains("/shop?sslmode=verify-full\n"))
        #expect(text(.env, info).contains("\nPGSSLROOTCERT=system\n"))
        #expect(text(.node, info).contains("ssl: true,"))
        #expect(
            text(.jdbc, info).contains("&sslmode=verify-full&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory\"")
        )
        #expect(text(.python, info).contains(#"sslrootcert="system","#))
        #expect(text(.go, info).contains("?sslmode=verify-full\""))
        #expect(text(.activerecord, info).contains(#"sslrootcert: "system""#))
        info.password = "it's"
        #expect(text(.env, info).hasSuffix("\nPGSSLROOTCERT=system\n"), "also where the other variables are left out")
    }

    @Test(arguments: [CertificateRoots.file("frost-ca.crt"), .system])
    func nothingTurnsTheCheckOff(roots: CertificateRoots) {
        for host in ["dev.pg.shop.example.net", "dev.pg.shop.localhost"] {
            var info = Self.plain
            info.host = host
            info.sslMode = .verifyFull(roots)
            for snippet in ConnectionSnippets.all(info) {
                for word in ["rejectUnauthorized", "no-verify", "NonValidating", ".none", "sslmode=require"] {
                    #expect(!snippet.text.contains(word) && snippet.url?.contains(word) != true, "\(snippet.kind)")
                }
                #expect(snippet.note?.hasSuffix(".") == true)
            }
            #expect(text(.node, info).contains("servername") == host.hasSuffix(".localhost"))
        }
    }

    @Test func anIPv6AddressIsInBrackets() {
        var info = Self.plain
        info.host = "fe80::1%eth0"
        info.sslMode = nil
        #expect(ConnectionSnippets.url(info) == "postgresql://frost:s3cret_-x@[fe80::1%25eth0]:5432/shop")
    }

    @Test(arguments: [
        ("", ""), ("a b", "'a b'"), ("é#\"`;&", "'é#\"`;&'"), ("it's", nil), ("a$b", nil), (#"a\b"#, nil),
        ("a\nb", nil),
    ])
    func valuesOfEnvFiles(text: String, value: String?) {
        #expect(ConnectionSnippets.environmentValue(text) == value)
    }

    @Test func variablesAreLeftOutWhenTheyCannotBeWritten() {
        var info = Self.plain
        info.password = "it's"
        #expect(!text(.env, info).contains("PGPASSWORD"))
        #expect(ConnectionSnippets.snippet(.env, info).note?.contains("PGPASSWORD") == true)
    }

    @Test func jdbcSaysWhatItsDriverRefuses() {
        var info = Self.plain
        info.password = "a\tb"
        #expect(ConnectionSnippets.snippet(.jdbc, info).note?.contains("control characters") == true)
    }

    // MARK: Read back

    @Test func shellReadsPsqlAndEnv() async throws {
        let directory = try Directory()
        for (index, info) in Self.infos.enumerated() {
            try directory.write("\(index).psql", text(.psql, info))
            try directory.write("\(index).env", text(.env, info))
        }
        let script = """
            psql() { test $# = 1 && printf '%s\\0' "$1"; }
            i=0
            while test $i -lt \(Self.infos.count); do
                unset PGUSER PGPASSWORD PGDATABASE
                . ./$i.psql; . ./$i.env
                printf '%s\\0' "$DATABASE_URL" "${PGUSER-}" "${PGPASSWORD-}" "${PGDATABASE-}"
                i=$((i + 1))
            done
            """
        let parts = try await directory.run("sh", "-c", script).split(separator: 0, omittingEmptySubsequences: false)
        let words = parts.map { String(decoding: $0, as: UTF8.self) }
        try #require(words.count == Self.infos.count * 5 + 1)
        for (index, info) in Self.infos.enumerated() {
            let read = Array(words[index * 5..<index * 5 + 5])
            for url in read.prefix(2) {
                let url = try #require(URLComponents(string: url))
                let root = url.percentEncodedQueryItems?.first { $0.name == "sslrootcert" }?.value
                #expect(same([root.map(decoded)], [info.sslMode?.rootCertificate]))
                let parts = [url.percentEncodedUser, url.percentEncodedPassword, url.percentEncodedPath]
                #expect(same(parts.map(decoded), [info.username, info.password, "/" + info.databaseName]))
            }
            if ConnectionSnippets.hasVariables(info) {
                #expect(same(Array(read[2...]), [info.username, info.password, info.databaseName]))
            }
        }
    }

    @Test func nodeReadsItsProgram() async throws {
        let directory = try Directory()
        let texts = Self.infos.map { text(.node, $0) }
        try directory.write("texts.json", String(decoding: JSONEncoder().encode(texts), as: UTF8.self))
        // The driver is replaced by one that keeps what it was given.
        let script = """
            const fs = require("fs");
            const read = [];
            class Client {
                constructor(options) {
                    read.push([options.user, options.password, options.database, options.ssl.ca ?? null]);
                }
                async connect() {}
                async query() { return { rows: [{}] }; }
                async end() {}
            }
            for (const program of JSON.parse(fs.readFileSync("texts.json", "utf8"))) {
                const modules = { pg: { Client }, fs: { readFileSync: (path) => path } };
                new Function("require", "console", program)((name) => modules[name], { log() {} });
            }
            process.stdout.write(JSON.stringify(read));
            """
        let printed = try await directory.run(in: "frost-compat-node-pg", "node", "-e", script)
        let read = try JSONDecoder().decode([[String?]].self, from: printed)
        try #require(read.count == Self.infos.count)
        for (read, info) in zip(read, Self.infos) {
            #expect(same(read, [info.username, info.password, info.databaseName, info.sslMode?.rootCertificate]))
        }
    }

    @Test func pythonReadsItsProgram() async throws {
        let directory = try Directory()
        let texts = Self.infos.map { text(.python, $0) }
        try directory.write("texts.json", String(decoding: JSONEncoder().encode(texts), as: UTF8.self))
        let script = """
            import json, sys, types
            from unittest.mock import MagicMock
            read = []
            def connect(**given):
                read.append([given["user"], given["password"], given["dbname"], given.get("sslrootcert")])
                return MagicMock()
            sys.modules["psycopg"] = types.SimpleNamespace(connect=connect)
            with open("texts.json", encoding="utf-8") as file:
                texts = json.load(file)
            write, sys.stdout = sys.stdout.write, open("printed", "w")
            for text in texts:
                exec(text, {})
            write(json.dumps(read))
            """
        let read = try JSONDecoder().decode([[String?]].self, from: await directory.run("python3", "-c", script))
        try #require(read.count == Self.infos.count)
        for (read, info) in zip(read, Self.infos) {
            #expect(same(read, [info.username, info.password, info.databaseName, info.sslMode?.rootCertificate]))
        }
    }

    @Test func pythonReadsItsMappers() async throws {
        let directory = try Directory()
        let texts = Self.infos.map { [text(.sqlalchemy, $0), text(.django, $0)] }
        try directory.write("texts.json", String(decoding: JSONEncoder().encode(texts), as: UTF8.self))
        let script = """
            import json, sys
            from unittest.mock import MagicMock
            read = []
            def url(driver, *, username, password, database, query, **place):
                read.append([username, password, database, query.get("sslrootcert")])
            def configure(DATABASES):
                given = DATABASES["default"]
                read.append([given["USER"], given["PASSWORD"], given["NAME"], given["OPTIONS"].get("sslrootcert")])
            for name in ["sqlalchemy", "django", "django.conf", "django.db"]:
                sys.modules[name] = MagicMock()
            sys.modules["sqlalchemy"].URL.create = url
            sys.modules["django.conf"].settings.configure = configure
            with open("texts.json", encoding="utf-8") as file:
                texts = json.load(file)
            write, sys.stdout = sys.stdout.write, open("printed", "w")
            for text in sum(texts, []):
                exec(text, {})
            write(json.dumps(read))
            """
        let read = try JSONDecoder().decode([[String?]].self, from: await directory.run("python3", "-c", script))
        try #require(read.count == Self.infos.count * 2)
        for (index, read) in read.enumerated() {
            let info = Self.infos[index / 2]
            #expect(same(read, [info.username, info.password, info.databaseName, info.sslMode?.rootCertificate]))
        }
    }

    @Test func rubyReadsItsLiterals() async throws {
        let directory = try Directory()
        let literals = Self.texts.map { "    \(ConnectionSnippets.ruby($0)),\n" }.joined()
        let program = "[\n\(literals)].each { |text| $stdout.binmode.write(text, \"\\0\") }\n"
        try directory.write("main.rb", program)
        try expectTexts(try await directory.run(in: "frost-compat-activerecord", "ruby", "main.rb"))
    }

    @Test func javaReadsItsLiterals() async throws {
        let directory = try Directory()
        let literals = Self.texts.map { "        \(ConnectionSnippets.java($0)),\n" }.joined()
        let program = """
            public class Main {
                static final String[] TEXTS = {
            \(literals)    };

                public static void main(String[] arguments) {
                    byte[] bytes = (String.join("\\0", TEXTS) + "\\0").getBytes(java.nio.charset.StandardCharsets.UTF_8);
                    System.out.write(bytes, 0, bytes.length);
                    System.out.flush();
                }
            }
            """
        try directory.write("Main.java", program)
        try expectTexts(
            try await directory.run(
                in: "frost-compat-jdbc",
                "sh",
                "-c",
                "javac -encoding US-ASCII Main.java && java -cp . Main"
            )
        )
    }

    @Test func everyProgramIsASCII() {
        for info in Self.infos {
            for snippet in ConnectionSnippets.all(info) where snippet.kind != .env {
                #expect(
                    snippet.text.unicodeScalars.allSatisfy {
                        $0.isASCII && ($0 >= " " || "\n\t".contains(Character($0)))
                    }
                )
            }
        }
    }

    // MARK: Texts to write

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

    private func own(_ kind: SnippetKind, _ info: ConnectionInfo) -> String? {
        ConnectionSnippets.snippet(kind, info).url
    }

    private func text(_ kind: SnippetKind, _ info: ConnectionInfo) -> String {
        ConnectionSnippets.snippet(kind, info).text
    }

    /// Swift's own `==` takes `é` and `e\u{301}` for the same.
    private func same(_ texts: [String?], _ others: [String?]) -> Bool {
        texts.map { $0.map { Array($0.utf8) } } == others.map { $0.map { Array($0.utf8) } }
    }

    /// Foundation's own decoder drops U+FEFF from the beginning.
    private func decoded(_ part: String?) -> String {
        let pieces = (part ?? "").split(separator: "%", omittingEmptySubsequences: false)
        let bytes = pieces.dropFirst().flatMap { [UInt8($0.prefix(2), radix: 16) ?? 0] + $0.dropFirst(2).utf8 }
        return String(decoding: Array(pieces[0].utf8) + bytes, as: UTF8.self)
    }

    private func expectTexts(_ output: Data) throws {
        let read = output.split(separator: 0, omittingEmptySubsequences: false).dropLast()
        try #require(read.count == Self.texts.count)
        for (read, text) in zip(read, Self.texts) { #expect(Array(read) == Array(text.utf8), "\(text)") }
    }
}

/// A directory of one test, which goes with it, and programs run there.
private final class Directory: Sendable {
    private let url = FileManager.default.temporaryDirectory.appendingPathComponent("snippets-\(UUID())")

    init() throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    var path: String { url.path }

    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: url.appendingPathComponent(name))
    }

    /// Runs a program here, which has to succeed.
    ///
    /// - Returns: the standard output.
    func run(_ command: String...) async throws -> Data {
        let output = try await Command.check("sh", ["-c", #"cd "$0" && exec "$@""#, path] + command)
        return Data(output.utf8)
    }

    /// Runs a program where the gate's client runs, whose image `scripts/compat-setup.sh` makes; in this directory.
    ///
    /// - Returns: the standard output.
    func run(in image: String, _ program: String, _ arguments: String...) async throws -> Data {
        let options = ["run", "--rm", "--network", "none", "-v", "\(path):/work", "-w", "/work"]
        let output = try await Command.check("docker", options + ["--entrypoint", program, image] + arguments)
        return Data(output.utf8)
    }
}
