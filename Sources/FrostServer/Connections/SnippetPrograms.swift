/// The texts of the tabs. A name in them is an ASCII literal of its language, so that neither the encoding of the file
/// nor an invisible character in a password changes what is sent.
extension ConnectionSnippets {
    static func url(_ info: ConnectionInfo, scheme: String = "postgresql", parameters: [(String, String)]) -> String {
        let user = percentEncoded(info.username)
        let password = percentEncoded(info.password)
        return "\(scheme)://\(user):\(password)@\(authority(info))" + path(info, parameters: parameters)
    }

    static func libpqParameters(_ info: ConnectionInfo) -> [(String, String)] {
        parametersWithoutAddress(info) + (info.fixedAddress.map { [("hostaddr", $0)] } ?? [])
    }

    /// Those that drivers which are not libpq take as well, or at least do not hand on to the server.
    static func parametersWithoutAddress(_ info: ConnectionInfo) -> [(String, String)] {
        [("sslmode", info.sslMode?.name), ("sslrootcert", info.sslMode?.rootCertificate)]
            .compactMap { name, value in value.map { (name, $0) } }
    }

    /// `sslmode`, and `sslrootcert` where that is a file: drivers that are not libpq know no word for the system's CAs.
    static func fileParameters(_ info: ConnectionInfo) -> [(String, String)] {
        guard let mode = info.sslMode else { return [] }
        guard case .verifyFull(.file(let path)) = mode else { return [("sslmode", mode.name)] }
        return [("sslmode", mode.name), ("sslrootcert", path)]
    }

    static func authority(_ info: ConnectionInfo, host: String? = nil) -> String {
        let host = host ?? info.host
        return host.contains(":") ? "[\(ipv6(host))]:\(info.port)" : "\(percentEncoded(host)):\(info.port)"
    }

    /// The percent sign before a zone is itself encoded in a URL: RFC 6874.
    private static func ipv6(_ address: String) -> String {
        address.split(separator: "%", maxSplits: 1).map(String.init).joined(separator: "%25")
    }

    static func path(_ info: ConnectionInfo, parameters: [(String, String)]) -> String {
        // A file's path stays readable.
        let query = parameters.map { name, value in
            "\(name)=\(percentEncoded(value, keeping: name == "sslrootcert" ? "/" : nil))"
        }.joined(separator: "&")
        return "/\(percentEncoded(info.databaseName))" + (query.isEmpty ? "" : "?\(query)")
    }
}

// MARK: .env

extension ConnectionSnippets {
    /// `DATABASE_URL` for programs, and libpq's own variables for psql, pg_dump and the like, where all readers agree
    /// on their values.
    ///
    /// `sslrootcert=system` and the address are in variables and not in the URL: to all but libpq the one is the name
    /// of a file and the other unknown.
    static func env(_ info: ConnectionInfo) -> String {
        let url = url(info, parameters: fileParameters(info))
        let variables = variables(info) ?? libpqVariables(info)
        return "DATABASE_URL=\(environmentValue(url) ?? "")\n" + variables.map { "\($0.0)=\($0.1)\n" }.joined()
    }

    /// What the URL leaves to variables.
    private static func libpqVariables(_ info: ConnectionInfo) -> [(String, String)] {
        let root = info.sslMode == .verifyFull(.system) ? info.sslMode?.rootCertificate : nil
        return [("PGHOSTADDR", info.fixedAddress), ("PGSSLROOTCERT", root)]
            .compactMap { name, value in value.map { (name, $0) } }
    }

    static func hasVariables(_ info: ConnectionInfo) -> Bool {
        variables(info) != nil
    }

    private static func variables(_ info: ConnectionInfo) -> [(String, String)]? {
        let values: [(String, String?)] = [
            ("PGHOST", info.host),
            ("PGHOSTADDR", info.fixedAddress),
            ("PGPORT", String(info.port)),
            ("PGUSER", info.username),
            ("PGPASSWORD", info.password),
            ("PGDATABASE", info.databaseName),
            ("PGSSLMODE", info.sslMode?.name),
            ("PGSSLROOTCERT", info.sslMode?.rootCertificate),
        ]
        var quoted: [(String, String)] = []
        for case (let name, let value?) in values {
            guard let value = environmentValue(value) else { return nil }
            quoted.append((name, value))
        }
        return quoted
    }
}

// MARK: Node.js

extension ConnectionSnippets {
    /// node-postgres 8: https://node-postgres.com/features/ssl
    ///
    /// Fields and not a URL: `sslmode=require` in a URL is `verify-full` to pg 8 unless `uselibpqcompat=true` is in it
    /// too, which pg 8.8 (pg-connection-string 2.5) does not know. `servername` counts only where `host` is an address.
    static func node(_ info: ConnectionInfo) -> String {
        var options = [
            "host: \(javaScript(info.fixedAddress ?? info.host)),",
            "port: \(info.port),",
            "user: \(javaScript(info.username)),",
            "password: \(javaScript(info.password)),",
            "database: \(javaScript(info.databaseName)),",
        ]
        if let ssl = nodeSSL(info) { options.append("ssl: \(ssl),") }
        let readsFile = if case .verifyFull(.file) = info.sslMode { true } else { false }
        return """
            // npm install pg; save as example.cjs; node example.cjs
            \(readsFile ? "const fs = require(\"fs\");\n" : "")const { Client } = require("pg");

            async function main() {
                const client = new Client({
            \(indented(options, by: 8))
                });
                await client.connect();
                try {
                    const result = await client.query("SELECT current_database()");
                    console.log(result.rows[0].current_database);
                } finally {
                    await client.end();
                }
            }

            main();

            """
    }

    /// The `DATABASE_URL` of node-postgres and what is made on it. `no-verify` is its own word
    /// (https://github.com/brianc/node-postgres/tree/master/packages/pg-connection-string), for what libpq calls
    /// `require`.
    static func nodeURL(_ info: ConnectionInfo) -> String {
        url(info, parameters: info.sslMode == .require ? [("sslmode", "no-verify")] : fileParameters(info))
    }

    /// What Node.js checks is `servername`, which node-postgres sets to a host that is no address.
    private static func nodeSSL(_ info: ConnectionInfo) -> String? {
        let checks: [String]
        switch info.sslMode {
        case nil: return nil
        // node-postgres has no other way to say that the connection is encrypted and nothing is checked.
        case .require: checks = ["rejectUnauthorized: false"]
        case .verifyFull(.file(let path)): checks = ["ca: fs.readFileSync(\(javaScript(path)))"]
        case .verifyFull(.system): checks = []
        }
        let options = checks + (info.fixedAddress == nil ? [] : ["servername: \(javaScript(info.host))"])
        return options.isEmpty ? "true" : "{ \(options.joined(separator: ", ")) }"
    }
}

// MARK: Python

extension ConnectionSnippets {
    /// psycopg 3: https://www.psycopg.org/psycopg3/docs/api/module.html
    static func python(_ info: ConnectionInfo) -> String {
        let values: [(String, String?)] = [
            ("host", python(info.host)),
            ("hostaddr", info.fixedAddress.map { python($0) }),
            ("port", String(info.port)),
            ("user", python(info.username)),
            ("password", python(info.password)),
            ("dbname", python(info.databaseName)),
            ("sslmode", (info.sslMode?.name).map { python($0) }),
            ("sslrootcert", (info.sslMode?.rootCertificate).map { python($0) }),
        ]
        let lines = values.compactMap { name, value in value.map { "\(name)=\($0)," } }
        return """
            # pip install "psycopg[binary]"
            import psycopg

            with psycopg.connect(
            \(indented(lines, by: 4))
            ) as connection:
                print(connection.execute("SELECT current_database()").fetchone()[0])

            """
    }
}

// MARK: Go

extension ConnectionSnippets {
    /// lib/pq through database/sql: https://pkg.go.dev/github.com/lib/pq
    static func go(_ info: ConnectionInfo) -> String {
        """
        // go mod init example && go get github.com/lib/pq && go run .
        package main

        import (
        \t"database/sql"
        \t"fmt"
        \t"log"

        \t_ "github.com/lib/pq"
        )

        func main() {
        \tdb, err := sql.Open("postgres", \(go(goURL(info))))
        \tif err != nil {
        \t\tlog.Fatal(err)
        \t}
        \(goQuery)

        """
    }

    /// lib/pq 1.10 does not know `hostaddr` and hands the word on to the server, which refuses it. So the name stays in
    /// the URL, for TLS, and a dialer goes to the address.
    static func goOnThisHost(_ info: ConnectionInfo) -> String {
        """
        // go mod init example && go get github.com/lib/pq && go run .
        package main

        import (
        \t"database/sql"
        \t"fmt"
        \t"log"
        \t"net"
        \t"time"

        \t"github.com/lib/pq"
        )

        // thisHost is dialled whatever the name, because not every system can look up names under .localhost.
        type thisHost struct{ address string }

        func (host thisHost) Dial(network, _ string) (net.Conn, error) {
        \treturn net.Dial(network, host.address)
        }

        func (host thisHost) DialTimeout(network, _ string, timeout time.Duration) (net.Conn, error) {
        \treturn net.DialTimeout(network, host.address, timeout)
        }

        func main() {
        \tconnector, err := pq.NewConnector(\(go(goURL(info))))
        \tif err != nil {
        \t\tlog.Fatal(err)
        \t}
        \tconnector.Dialer(thisHost{\(go(authority(info, host: info.fixedAddress)))})
        \tdb := sql.OpenDB(connector)
        \(goQuery)

        """
    }

    /// By default, lib/pq requires TLS.
    private static func goURL(_ info: ConnectionInfo) -> String {
        url(info, parameters: info.sslMode == nil ? [("sslmode", "disable")] : fileParameters(info))
    }

    private static let goQuery = """
        \tdefer db.Close()

        \tvar name string
        \tif err := db.QueryRow("SELECT current_database()").Scan(&name); err != nil {
        \t\tlog.Fatal(err)
        \t}
        \tfmt.Println(name)
        }
        """
}

extension ConnectionSnippets {
    static func indented(_ lines: [String], by count: Int) -> String {
        lines.map { String(repeating: " ", count: count) + $0 }.joined(separator: "\n")
    }
}
