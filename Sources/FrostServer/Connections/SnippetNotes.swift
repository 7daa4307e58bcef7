/// Notes for each tab's text.
extension ConnectionSnippets {
    static func note(_ kind: SnippetKind, _ info: ConnectionInfo) -> String? {
        let sentences = [
            kind == .url ? driversNote(info.sslMode) : nil,
            info.sslMode.flatMap { tlsNote(kind, $0) },
            info.sslMode == nil ? nil : serverNameNote(kind),
            addressNote(kind, info),
            kind == .env && !hasVariables(info) ? urlOnly : nil,
            kind == .jdbc && mayBeRefusedByJDBC(info) ? jdbcRefuses : nil,
        ].compactMap { $0 }
        return sentences.isEmpty ? nil : sentences.joined(separator: " ")
    }

    // MARK: Drivers

    /// Which drivers the plain URL works for, and which it does not.
    private static func driversNote(_ mode: SSLMode?) -> String {
        switch mode {
        case .require:
            "Works in psql, psycopg and other libpq clients, and in asyncpg. pgx 4.15 sends the server name only with "
                + "verify-full. node-postgres reads sslmode=require as verify-full, and JDBC has its own URLs: see "
                + "their tabs."
        case .verifyFull(.file):
            "Works in psql, psycopg and other libpq clients, and in asyncpg, pgx and node-postgres. JDBC has its own "
                + "URLs: see its tab."
        case .verifyFull(.system):
            "Works in psql, psycopg and other libpq clients. Other drivers may read sslrootcert=system as the name of "
                + "a file: leave it out for them. JDBC has its own URLs: see its tab."
        case nil:
            "Works in psql, psycopg and other libpq clients, and in asyncpg, pgx and node-postgres. lib/pq encrypts "
                + "by default, and JDBC has its own URLs: see their tabs."
        }
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
            "sslmode=no-verify and rejectUnauthorized: false encrypt without checking the server's certificate; "
                + "node-postgres has no other setting for that. Use verify-full to check it."
        // pg-connection-string 2.x: `sslmode=require` is an alias of `verify-full`.
        case .env:
            "node-postgres reads sslmode=require in a URL as verify-full: use verify-full, or the DATABASE_URL of the "
                + "Node.js tab."
        case .url, .psql, .jdbc, .python, .sqlalchemy, .django, .go, .activerecord:
            "sslmode=require encrypts without checking the server's certificate; use verify-full to check it."
        }
    }

    private static func fileNote(_ path: String) -> String {
        path.hasPrefix("/")
            ? "\(path) is the CA's certificate; copy it to each host that connects."
            : "Save the CA's certificate as \(path) in the directory that you connect from."
    }

    private static func systemNote(_ kind: SnippetKind) -> String? {
        switch kind {
        case .url, .psql, .activerecord: systemNeedsLibpq16
        case .python, .sqlalchemy, .django:
            "sslrootcert=system needs libpq 16 or newer. psycopg's binary package looks for CAs in its own "
                + "directory; set SSL_CERT_FILE to the system's file, such as \(debianRoots)."
        case .env:
            "\(systemNeedsLibpq16) Node.js checks against the CAs that come with it, ignoring PGSSLROOTCERT."
        case .node:
            "The certificate is checked against the CAs that come with Node.js; NODE_EXTRA_CA_CERTS names a file with "
                + "more."
        case .jdbc: "The certificate is checked against the CAs of the Java runtime."
        case .go: "The certificate is checked against the system's CAs."
        }
    }

    private static let systemNeedsLibpq16 =
        "sslrootcert=system needs libpq 16 or newer; for older versions, use the system's CA file, such as "
        + "\(debianRoots) on Debian and Ubuntu."

    private static let debianRoots = "/etc/ssl/certs/ca-certificates.crt"

    /// Which versions send the server name.
    private static func serverNameNote(_ kind: SnippetKind) -> String? {
        switch kind {
        case .psql: "Needs psql 14 or newer, which sends the server name by which the gateway selects the branch."
        case .go: "Needs lib/pq 1.10.7 or newer, which sends the server name by which the gateway selects the branch."
        case .activerecord:
            "Needs libpq 14 or newer, which sends the server name by which the gateway selects the branch."
        case .url, .env, .node, .jdbc, .python, .sqlalchemy, .django: nil
        }
    }

    // MARK: Names of this host

    /// Only if a name must be resolved, which libpq and the programs avoid.
    private static func addressNote(_ kind: SnippetKind, _ info: ConnectionInfo) -> String? {
        guard let address = info.fixedAddress else { return nil }
        let remedy =
            "where the system cannot look up names under .localhost, as on Debian without libnss-myhostname, add the line "
            + "\"\(address) \(info.host)\" to /etc/hosts"
        return switch kind {
        case .url: "The psql tab works everywhere; for this URL, \(remedy)."
        case .env: "libpq goes to PGHOSTADDR; for other drivers, \(remedy)."
        case .node, .jdbc: "The program works everywhere; for the URL, \(remedy)."
        case .psql, .python, .sqlalchemy, .django, .go, .activerecord: nil
        }
    }

    // MARK: Characters

    /// SCRAM prepares passwords by RFC 4013. If that prohibits a character, or does not know it, PostgreSQL and the
    /// other drivers use the password unchanged; pgjdbc fails (seen with 42.5.5: control characters, emoji).
    private static func mayBeRefusedByJDBC(_ info: ConnectionInfo) -> Bool {
        !info.password.unicodeScalars.allSatisfy { (" "..."~").contains($0) }
    }

    private static let jdbcRefuses =
        "pgjdbc refuses to send a password with certain characters, such as control characters and emoji; this one "
        + "contains characters outside printable ASCII."

    private static let urlOnly =
        "PGPASSWORD and similar variables are omitted, because readers of .env files disagree on how to quote a character in "
        + "the user, password or database name."
}
