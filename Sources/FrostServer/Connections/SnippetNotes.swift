/// What there is to know about each tab's text.
extension ConnectionSnippets {
    static func note(_ kind: SnippetKind, _ info: ConnectionInfo) -> String? {
        let sentences = [
            kind == .swift ? swiftIsNotRun : nil,
            info.sslMode.flatMap { tlsNote(kind, $0) },
            info.sslMode == nil ? nil : serverNameNote(kind),
            addressNote(kind, info),
            kind == .env && !hasVariables(info) ? urlOnly : nil,
            kind == .jdbc && mayBeRefusedByJDBC(info) ? jdbcRefuses : nil,
        ].compactMap { $0 }
        return sentences.isEmpty ? nil : sentences.joined(separator: " ")
    }

    // MARK: TLS

    private static func tlsNote(_ kind: SnippetKind, _ mode: SSLMode) -> String? {
        switch mode {
        case .require: requireNote(kind)
        case .verifyFull(.file(let path)): fileNote(path)
        case .verifyFull(.system): systemNote(kind)
        }
    }

    private static func requireNote(_ kind: SnippetKind) -> String? {
        switch kind {
        case .node:
            "rejectUnauthorized: false encrypts without checking the server's certificate; node-postgres has no other "
                + "setting for that. Use verify-full to have it checked."
        // pg-connection-string 2.x: `sslmode=require` is an alias of `verify-full`.
        case .env:
            "node-postgres reads sslmode=require in a URL as verify-full: use verify-full, or the settings of the "
                + "Node.js tab."
        case .swift:
            "Without the line about certificateVerification the server's certificate is checked against the system's "
                + "CAs."
        case .url, .psql, .jdbc, .python, .go:
            "sslmode=require encrypts without checking the server's certificate; use verify-full to have it checked."
        }
    }

    private static func fileNote(_ path: String) -> String {
        path.hasPrefix("/")
            ? "\(path) is the CA's certificate; copy it to each host that connects."
            : "Save the CA's certificate as \(path) in the directory that you connect from."
    }

    private static func systemNote(_ kind: SnippetKind) -> String? {
        switch kind {
        case .url, .psql: systemNeedsLibpq16
        case .python:
            "sslrootcert=system needs libpq 16 or newer. psycopg's binary package looks for CAs in a directory of its "
                + "own; set SSL_CERT_FILE to the system's file, such as \(debianRoots)."
        case .env:
            "\(systemNeedsLibpq16) Node.js checks against the CAs that come with it, whatever PGSSLROOTCERT is."
        case .node:
            "The certificate is checked against the CAs that come with Node.js; NODE_EXTRA_CA_CERTS names a file with "
                + "more."
        case .jdbc: "The certificate is checked against the CAs of the Java runtime."
        case .go, .swift: "The certificate is checked against the system's CAs."
        }
    }

    private static let systemNeedsLibpq16 =
        "sslrootcert=system needs libpq 16 or newer; give an older one the system's file of CAs, such as "
        + "\(debianRoots) on Debian and Ubuntu."

    private static let debianRoots = "/etc/ssl/certs/ca-certificates.crt"

    /// Which versions send the server name.
    private static func serverNameNote(_ kind: SnippetKind) -> String? {
        switch kind {
        case .psql: "Needs psql 14 or newer, which sends the server name that the gateway finds the branch by."
        case .go: "Needs lib/pq 1.10.7 or newer, which sends the server name that the gateway finds the branch by."
        case .url, .env, .node, .jdbc, .python, .swift: nil
        }
    }

    // MARK: Names of this host

    /// Only where the text has something in it that a client may not take.
    private static func addressNote(_ kind: SnippetKind, _ info: ConnectionInfo) -> String? {
        guard info.fixedAddress != nil else { return nil }
        return switch kind {
        case .url, .env:
            "hostaddr is for psql, psycopg and others that use libpq, which check the certificate against the hostname "
                + "all the same; for Node.js, JDBC and Go see their tabs."
        case .jdbc:
            "Where the system can look up names under .localhost, the URL works without socketFactory; elsewhere the "
                + "hosts file needs the line \"127.0.0.1 \(info.host)\"."
        case .psql, .node, .python, .go, .swift: nil
        }
    }

    // MARK: Characters

    /// SCRAM has a password prepared by RFC 4013. Where that prohibits a character, or does not know it, PostgreSQL and
    /// the other drivers take the password as it is; pgjdbc fails (seen with 42.5.5: control characters, emoji).
    private static func mayBeRefusedByJDBC(_ info: ConnectionInfo) -> Bool {
        !info.password.unicodeScalars.allSatisfy { (" "..."~").contains($0) }
    }

    private static let jdbcRefuses =
        "pgjdbc refuses to send a password with certain characters, such as control characters and emoji, and this one "
        + "has more than printable ASCII."

    private static let urlOnly =
        "PGPASSWORD and the like are left out, because readers of .env files disagree on how to quote a character in "
        + "the user, password or database name."

    /// Said until it is no longer so.
    private static let swiftIsNotRun = "Written from PostgresNIO's documentation; unlike the other tabs, not yet run."
}
