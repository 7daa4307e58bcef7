/// The tabs with connection snippets.
package enum SnippetKind: String, CaseIterable, Sendable, Codable {
    case url, psql, env, node, jdbc, python, sqlalchemy, django, go, activerecord

    /// The tab's title.
    package var title: String {
        switch self {
        case .url: "URL"
        case .psql: "psql"
        case .env: ".env"
        case .node: "Node.js"
        case .jdbc: "JDBC"
        case .python: "Python"
        case .sqlalchemy: "SQLAlchemy"
        case .django: "Django"
        case .go: "Go"
        case .activerecord: "ActiveRecord"
        }
    }

    /// The language of the text, as named by syntax highlighters.
    package var language: String {
        switch self {
        case .url: "text"
        case .psql: "shell"
        case .env: "dotenv"
        case .node: "javascript"
        case .jdbc: "java"
        case .python, .sqlalchemy, .django: "python"
        case .go: "go"
        case .activerecord: "ruby"
        }
    }
}

/// One tab: a text to paste, and a note about it.
package struct Snippet: Hashable, Sendable, Codable {
    package let kind: SnippetKind
    package let title: String
    package let language: String
    /// Ends with a line break if it is a file.
    package let text: String
    /// For drivers whose URL differs from ``SnippetKind/url``: the URL alone, in one line.
    package let url: String?
    /// A sentence shown with the text; nil if there is none.
    package let note: String?
}

/// Texts to paste to connect to a branch, for each driver.
///
/// Each text works as it is, with any legal user, password and database name (but see the note of JDBC). The programs
/// connect, ask `SELECT current_database()`, print the answer and close. Each is run with its driver by
/// `snippets_test.py`, in both modes; what cannot be run is not here.
///
/// With ``SSLMode/require`` nothing checks the certificate, as libpq means it
/// (https://www.postgresql.org/docs/current/libpq-ssl.html). With ``SSLMode/verifyFull(_:)`` every driver checks that
/// the certificate covers the hostname and who issued it; where that is a file, it has to be where the string says.
package enum ConnectionSnippets {
    /// A URL for libpq on this host: https://www.postgresql.org/docs/current/libpq-connect.html, "Connection URIs". It
    /// works where names under .localhost cannot be looked up, because it says the address too, which only libpq reads.
    ///
    /// Only letters, digits and `-._:/@%?&=[]` are in it, whatever the password is.
    package static func url(_ info: ConnectionInfo) -> String {
        url(info, parameters: libpqParameters(info))
    }

    package static func snippet(_ kind: SnippetKind, _ info: ConnectionInfo) -> Snippet {
        Snippet(
            kind: kind,
            title: kind.title,
            language: kind.language,
            text: text(kind, info),
            url: ownURL(kind, info),
            note: note(kind, info)
        )
    }

    /// One for each kind, in the order of the tabs.
    package static func all(_ info: ConnectionInfo) -> [Snippet] {
        SnippetKind.allCases.map { snippet($0, info) }
    }

    private static func text(_ kind: SnippetKind, _ info: ConnectionInfo) -> String {
        switch kind {
        case .url: url(info, parameters: parametersWithoutAddress(info))
        // Double quotes, because cmd.exe knows no others. Nothing in a URL of ours means anything inside them: no
        // `$`, backtick, backslash or `!`.
        case .psql: "psql \"\(url(info))\""
        case .env: env(info)
        case .node: node(info)
        case .jdbc: info.fixedAddress.map { jdbcOnThisHost(info, address: $0) } ?? jdbc(info)
        case .python: python(info)
        case .sqlalchemy: sqlalchemy(info)
        case .django: django(info)
        case .go: info.fixedAddress == nil ? go(info) : goOnThisHost(info)
        case .activerecord: activerecord(info)
        }
    }

    private static func ownURL(_ kind: SnippetKind, _ info: ConnectionInfo) -> String? {
        switch kind {
        case .node: nodeURL(info)
        case .jdbc: jdbcURL(info)
        case .url, .psql, .env, .python, .sqlalchemy, .django, .go, .activerecord: nil
        }
    }
}
