/// The tabs that show how to connect.
package enum SnippetKind: String, CaseIterable, Sendable, Codable {
    case url, psql, env, node, jdbc, python, go, swift

    /// What the tab is called.
    package var title: String {
        switch self {
        case .url: "URL"
        case .psql: "psql"
        case .env: ".env"
        case .node: "Node.js"
        case .jdbc: "JDBC"
        case .python: "Python"
        case .go: "Go"
        case .swift: "Swift"
        }
    }

    /// The language of the text, in the words of syntax highlighters.
    package var language: String {
        switch self {
        case .url: "text"
        case .psql: "shell"
        case .env: "dotenv"
        case .node: "javascript"
        case .jdbc: "java"
        case .python: "python"
        case .go: "go"
        case .swift: "swift"
        }
    }
}

/// One tab: text to paste, and what there is to know about it.
package struct Snippet: Hashable, Sendable, Codable {
    package let kind: SnippetKind
    package let title: String
    package let language: String
    /// Ends with a line break where it is a file.
    package let text: String
    /// A sentence for beside the text; nil when there is nothing to know.
    package let note: String?
}

/// What people paste to reach a branch, for each driver.
///
/// Each text works as it is, with any legal user, password and database name (but see the note of JDBC). The programs connect, ask
/// `SELECT current_database()`, print the answer and close. All but Swift's are run with their drivers by
/// `snippets_test.py`, in both modes.
///
/// With ``SSLMode/require`` nothing checks the certificate, as libpq means it
/// (https://www.postgresql.org/docs/current/libpq-ssl.html). With ``SSLMode/verifyFull(_:)`` every driver checks that
/// the certificate covers the hostname and who issued it; where that is a file, it has to be where the string says.
package enum ConnectionSnippets {
    /// A URL as libpq reads it: https://www.postgresql.org/docs/current/libpq-connect.html, "Connection URIs".
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
            note: note(kind, info)
        )
    }

    /// One for each kind, in the order of the tabs.
    package static func all(_ info: ConnectionInfo) -> [Snippet] {
        SnippetKind.allCases.map { snippet($0, info) }
    }

    private static func text(_ kind: SnippetKind, _ info: ConnectionInfo) -> String {
        switch kind {
        case .url: url(info)
        // Double quotes, because cmd.exe knows no others. Nothing in a URL of ours means anything inside them: no
        // `$`, backtick, backslash or `!`.
        case .psql: "psql \"\(url(info))\""
        case .env: env(info)
        case .node: node(info)
        case .jdbc: info.fixedAddress.map { jdbcOnThisHost(info, address: $0) } ?? jdbc(info)
        case .python: python(info)
        case .go: info.fixedAddress == nil ? go(info) : goOnThisHost(info)
        case .swift: swift(info)
        }
    }
}
