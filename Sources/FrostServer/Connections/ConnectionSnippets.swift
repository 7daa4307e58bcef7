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
/// `snippets_test.py`.
///
/// With `sslmode=require` nothing checks the certificate, as libpq means it
/// (https://www.postgresql.org/docs/current/libpq-ssl.html): the gateway's is often self-signed. The notes say how
/// to have it checked.
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
        case .jdbc: info.fixedAddress == nil || info.sslMode == nil ? jdbc(info) : jdbcOnThisHost(info)
        case .python: python(info)
        case .go: info.fixedAddress == nil ? go(info) : goOnThisHost(info)
        case .swift: swift(info)
        }
    }
}

// MARK: Notes

extension ConnectionSnippets {
    private static func note(_ kind: SnippetKind, _ info: ConnectionInfo) -> String? {
        let notes =
            switch kind {
            case .env: [info.sslMode == nil ? nil : nodeWithURL, hasVariables(info) ? nil : urlOnly]
            case .swift: [swiftIsNotRun, info.sslMode == nil ? nil : swiftChecks]
            case .jdbc: [info.sslMode == nil ? nil : tlsNote(kind, info), mayBeRefusedByJDBC(info) ? jdbcRefuses : nil]
            default: [info.sslMode == nil ? nil : tlsNote(kind, info)]
            }
        let sentences = notes.compactMap { $0 }
        return sentences.isEmpty ? nil : sentences.joined(separator: " ")
    }

    private static func tlsNote(_ kind: SnippetKind, _ info: ConnectionInfo) -> String? {
        switch kind {
        case .url, .python:
            "sslmode=require encrypts without checking the server's certificate; to have it checked, use "
                + "sslmode=verify-full with sslrootcert set to the file of its CA."
        case .psql:
            "Needs psql 14 or newer, which sends the server name that the gateway finds the branch by; to have the "
                + "certificate checked, use sslmode=verify-full with sslrootcert set to the file of its CA."
        case .node:
            "rejectUnauthorized: false encrypts without checking the server's certificate; to have it checked, put "
                + "ca: require(\"fs\").readFileSync(\"ca.crt\") in its place."
        case .jdbc where info.fixedAddress != nil:
            "A tool that takes only a URL connects to jdbc:postgresql://\(info.host):\(info.port)/ instead, which "
                + "needs the line \"127.0.0.1 \(info.host)\" in the hosts file where the system does not know names "
                + "under .localhost."
        case .jdbc:
            "sslmode=require encrypts without checking the server's certificate; to have it checked, use "
                + "sslmode=verify-full with sslrootcert set to the file of its CA."
        case .go:
            "Needs lib/pq 1.10.7 or newer, which sends the server name that the gateway finds the branch by; to have "
                + "the certificate checked, use sslmode=verify-full with sslrootcert set to the file of its CA."
        case .env, .swift:
            nil
        }
    }

    /// SCRAM has a password prepared by RFC 4013. Where that prohibits a character, or does not know it, PostgreSQL and
    /// the other drivers take the password as it is; pgjdbc fails (seen with 42.5.5: control characters, emoji).
    private static func mayBeRefusedByJDBC(_ info: ConnectionInfo) -> Bool {
        !info.password.unicodeScalars.allSatisfy { (" "..."~").contains($0) }
    }

    private static let jdbcRefuses =
        "pgjdbc refuses to send a password with certain characters, such as control characters and emoji, and this one "
        + "has more than printable ASCII."

    /// pg-connection-string 2.x: `sslmode=require` is an alias of `verify-full`.
    private static let nodeWithURL =
        "node-postgres reads sslmode=require in a URL as verify-full, so with a self-signed certificate give it the "
        + "settings of the Node.js tab."
    private static let urlOnly =
        "PGPASSWORD and the like are left out, because readers of .env files disagree on how to quote a character in "
        + "the user, password or database name."
    /// Said until it is no longer so.
    private static let swiftIsNotRun = "Written from PostgresNIO's documentation; unlike the other tabs, not yet run."
    private static let swiftChecks =
        "Without the line about certificateVerification the server's certificate is checked against the system's CAs."
}
