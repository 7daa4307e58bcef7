import Foundation
import TestSupport
import Testing

@testable import FrostServer

/// What is written into the snippets.
@Suite struct ConnectionSnippetsTests {
    // MARK: Texts

    @Test func aTabForEachKindInOrder() {
        let all = ConnectionSnippets.all(SnippetTexts.plain)
        let titles = [
            "URL", "psql", ".env", "Node.js", "JDBC", "Python", "SQLAlchemy", "Django", "Go", "ActiveRecord",
        ]
        #expect(all.map(\.kind) == SnippetKind.allCases)
        #expect(all.map(\.title) == titles)
        #expect(all.allSatisfy { !$0.language.isEmpty && $0.note?.hasSuffix(".") == true })
    }

    @Test func plainNamesAreLeftAsTheyAre() {
        let url = "postgresql://frost:s3cret_-x@dev.pg.shop.example.net:5432/shop?sslmode=require"
        #expect(ConnectionSnippets.url(SnippetTexts.plain) == url)
        #expect(SnippetTexts.text(.url, SnippetTexts.plain) == url)
        #expect(SnippetTexts.text(.psql, SnippetTexts.plain) == "psql \"\(url)\"")
        let variables = """
            PGHOST=dev.pg.shop.example.net
            PGPORT=5432
            PGUSER=frost
            PGPASSWORD=s3cret_-x
            PGDATABASE=shop
            PGSSLMODE=require

            """
        #expect(SnippetTexts.text(.env, SnippetTexts.plain) == "DATABASE_URL=\(url)\n" + variables)
    }

    @Test func withoutTLSNothingSpeaksOfIt() {
        var info = SnippetTexts.plain
        info.sslMode = nil
        #expect(ConnectionSnippets.url(info) == "postgresql://frost:s3cret_-x@dev.pg.shop.example.net:5432/shop")
        for kind in SnippetKind.allCases where kind != .go {
            let snippet = ConnectionSnippets.snippet(kind, info)
            #expect(!snippet.text.lowercased().contains("ssl"))
            #expect(snippet.url?.contains("ssl") != true)
            #expect(snippet.note == nil || kind == .url)
        }
        // Its default is another than libpq's, as the URL's note says.
        #expect(SnippetTexts.text(.go, info).contains("sslmode=disable"))
        #expect(ConnectionSnippets.snippet(.url, info).note?.contains("lib/pq encrypts by default") == true)
    }

    @Test func namesOfThisHostAreNotLookedUp() {
        var info = SnippetTexts.plain
        info.host = "dev.pg.shop.localhost"
        #expect(ConnectionSnippets.url(info).hasSuffix("/shop?sslmode=require&hostaddr=127.0.0.1"))
        #expect(SnippetTexts.text(.psql, info).contains("/shop?sslmode=require&hostaddr=127.0.0.1\""))
        #expect(SnippetTexts.text(.env, info).hasPrefix("DATABASE_URL=postgresql://"))
        #expect(SnippetTexts.text(.env, info).contains("\nPGHOSTADDR=127.0.0.1\n"))
        #expect(SnippetTexts.text(.node, info).contains(#"servername: "dev.pg.shop.localhost""#))
        #expect(SnippetTexts.text(.jdbc, info).contains("jdbc:postgresql://dev.pg.shop.localhost:5432/"))
        #expect(SnippetTexts.text(.jdbc, info).contains(#"new Socket("127.0.0.1", 5432)"#))
        #expect(SnippetTexts.text(.go, info).contains(#"thisHost{"127.0.0.1:5432"}"#))
        #expect(
            SnippetTexts.text(.sqlalchemy, info).contains(#"query={"sslmode": "require", "hostaddr": "127.0.0.1"}"#)
        )
        #expect(
            SnippetTexts.text(.django, info).contains(#""OPTIONS": {"sslmode": "require", "hostaddr": "127.0.0.1"}"#)
        )
        #expect(SnippetTexts.text(.activerecord, info).contains(#"hostaddr: "127.0.0.1""#))
        for snippet in ConnectionSnippets.all(SnippetTexts.plain) {
            #expect(!snippet.text.contains("127.0.0.1"))
        }
    }

    /// A word of libpq's, which asyncpg hands on to the server, which refuses it.
    @Test func noPlainURLHasAnAddress() {
        for mode in [SSLMode.require, .verifyFull(.file("frost-ca.crt")), .verifyFull(.system)] {
            var info = SnippetTexts.plain
            info.host = "dev.pg.shop.localhost"
            info.sslMode = mode
            let url = ConnectionSnippets.snippet(.url, info)
            #expect(!url.text.contains("hostaddr"))
            #expect(url.note?.contains(#"add the line "127.0.0.1 dev.pg.shop.localhost" to /etc/hosts"#) == true)
            let database = SnippetTexts.text(.env, info).split(separator: "\n").first ?? ""
            #expect(database.hasPrefix("DATABASE_URL=") && !database.contains("hostaddr"))
            for kind in [SnippetKind.node, .jdbc] {
                let own = ConnectionSnippets.snippet(kind, info)
                #expect(own.url?.contains("hostaddr") == false && own.note?.contains("for the URL, where") == true)
            }
        }
        #expect(ConnectionSnippets.snippet(.url, SnippetTexts.plain).note?.contains("/etc/hosts") == false)
    }

    @Test func aDriverWithAURLOfItsOwnHasItInOneLine() {
        var info = SnippetTexts.plain
        let place = "dev.pg.shop.example.net:5432/shop"
        #expect(SnippetTexts.own(.node, info) == "postgresql://frost:s3cret_-x@\(place)?sslmode=no-verify")
        #expect(
            SnippetTexts.own(.jdbc, info) == "jdbc:postgresql://\(place)?user=frost&password=s3cret_-x&sslmode=require"
        )
        info.sslMode = .verifyFull(.file("frost-ca.crt"))
        #expect(SnippetTexts.own(.node, info)?.hasSuffix("?sslmode=verify-full&sslrootcert=frost-ca.crt") == true)
        info.sslMode = .verifyFull(.system)
        #expect(SnippetTexts.own(.node, info)?.hasSuffix("/shop?sslmode=verify-full") == true)
        for kind in SnippetKind.allCases where ![.node, .jdbc].contains(kind) {
            #expect(SnippetTexts.own(kind, info) == nil)
        }
    }

    @Test func theURLSaysForWhichDriversItIsNot() {
        var info = SnippetTexts.plain
        let note = { (mode: SSLMode?) -> String in
            info.sslMode = mode
            return ConnectionSnippets.snippet(.url, info).note ?? ""
        }
        #expect(note(.require).contains("node-postgres reads sslmode=require as verify-full"))
        #expect(note(.require).contains("pgx 4.15 sends the server name only with verify-full"))
        #expect(note(.verifyFull(.system)).contains("leave it out"))
        for mode in [nil, .require, .verifyFull(.file("a")), .verifyFull(.system)] as [SSLMode?] {
            #expect(note(mode).hasPrefix("Works in psql, psycopg and other libpq clients"))
            #expect(note(mode).contains("JDBC has its own URLs"))
        }
    }

    // MARK: Checking the certificate

    @Test func withAFileOfTheCAEveryDriverReadsIt() {
        var info = SnippetTexts.plain
        info.sslMode = .verifyFull(.file("/var/lib/frost data/ca.crt"))
        let parameters = "sslmode=verify-full&sslrootcert=/var/lib/frost%20data/ca.crt"
        #expect(ConnectionSnippets.url(info).hasSuffix("/shop?\(parameters)"))
        #expect(SnippetTexts.text(.env, info).contains("\(parameters)'\n"))
        #expect(
            SnippetTexts.text(.env, info).contains(
                "\nPGSSLMODE=verify-full\nPGSSLROOTCERT='/var/lib/frost data/ca.crt'\n"
            )
        )
        #expect(
            SnippetTexts.text(.node, info).contains(#"ssl: { ca: fs.readFileSync("/var/lib/frost data/ca.crt") },"#)
        )
        #expect(SnippetTexts.text(.jdbc, info).contains("&\(parameters)\""))
        #expect(SnippetTexts.text(.python, info).contains(#"sslrootcert="/var/lib/frost data/ca.crt","#))
        #expect(SnippetTexts.text(.go, info).contains("?\(parameters)\""))
        #expect(SnippetTexts.text(.django, info).contains(#""sslrootcert": "/var/lib/frost data/ca.crt""#))
        #expect(SnippetTexts.text(.activerecord, info).contains(#"sslrootcert: "/var/lib/frost data/ca.crt""#))
    }

    @Test func withTheSystemsCAsEveryDriverHasItsOwnWord() {
        var info = SnippetTexts.plain
        info.sslMode = .verifyFull(.system)
        #expect(ConnectionSnippets.url(info).hasSuffix("/shop?sslmode=verify-full&sslrootcert=system"))
        // The URL for those to whom sslrootcert is a file, the variable for libpq.
        #expect(SnippetTexts.text(.env, info).contains("/shop?sslmode=verify-full\n"))
        #expect(SnippetTexts.text(.env, info).contains("\nPGSSLROOTCERT=system\n"))
        #expect(SnippetTexts.text(.node, info).contains("ssl: true,"))
        #expect(
            SnippetTexts.text(.jdbc, info).contains(
                "&sslmode=verify-full&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory\""
            )
        )
        #expect(SnippetTexts.text(.python, info).contains(#"sslrootcert="system","#))
        #expect(SnippetTexts.text(.go, info).contains("?sslmode=verify-full\""))
        #expect(SnippetTexts.text(.activerecord, info).contains(#"sslrootcert: "system""#))
        info.password = "it's"
        #expect(
            SnippetTexts.text(.env, info).hasSuffix("\nPGSSLROOTCERT=system\n"),
            "also where the other variables are left out"
        )
    }

    @Test(arguments: [CertificateRoots.file("frost-ca.crt"), .system])
    func nothingTurnsTheCheckOff(roots: CertificateRoots) {
        for host in ["dev.pg.shop.example.net", "dev.pg.shop.localhost"] {
            var info = SnippetTexts.plain
            info.host = host
            info.sslMode = .verifyFull(roots)
            for snippet in ConnectionSnippets.all(info) {
                for word in ["rejectUnauthorized", "no-verify", "NonValidating", ".none", "sslmode=require"] {
                    #expect(!snippet.text.contains(word) && snippet.url?.contains(word) != true, "\(snippet.kind)")
                }
                #expect(snippet.note?.hasSuffix(".") == true)
            }
            #expect(SnippetTexts.text(.node, info).contains("servername") == host.hasSuffix(".localhost"))
        }
    }

    @Test func anIPv6AddressIsInBrackets() {
        var info = SnippetTexts.plain
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
        var info = SnippetTexts.plain
        info.password = "it's"
        #expect(!SnippetTexts.text(.env, info).contains("PGPASSWORD"))
        #expect(ConnectionSnippets.snippet(.env, info).note?.contains("PGPASSWORD") == true)
    }

    @Test func jdbcSaysWhatItsDriverRefuses() {
        var info = SnippetTexts.plain
        info.password = "a\tb"
        #expect(ConnectionSnippets.snippet(.jdbc, info).note?.contains("control characters") == true)
    }

    @Test func everyProgramIsASCII() {
        for info in SnippetTexts.infos {
            for snippet in ConnectionSnippets.all(info) where snippet.kind != .env {
                #expect(
                    snippet.text.unicodeScalars.allSatisfy {
                        $0.isASCII && ($0 >= " " || "\n\t".contains(Character($0)))
                    }
                )
            }
        }
    }
}
