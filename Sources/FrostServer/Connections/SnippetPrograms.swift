/// The texts of the tabs. A name in them is an ASCII literal of its language, so that neither the encoding of the file
/// nor an invisible character in a password changes what is sent.
extension ConnectionSnippets {
    static func url(_ info: ConnectionInfo, scheme: String = "postgresql", parameters: [(String, String)]) -> String {
        let user = percentEncoded(info.username)
        let password = percentEncoded(info.password)
        return "\(scheme)://\(user):\(password)@\(authority(info))" + path(info, parameters: parameters)
    }

    static func libpqParameters(_ info: ConnectionInfo) -> [(String, String)] {
        [("sslmode", info.sslMode?.rawValue), ("hostaddr", info.fixedAddress)].compactMap { name, value in
            value.map { (name, $0) }
        }
    }

    private static func authority(_ info: ConnectionInfo, host: String? = nil) -> String {
        let host = host ?? info.host
        return host.contains(":") ? "[\(ipv6(host))]:\(info.port)" : "\(percentEncoded(host)):\(info.port)"
    }

    /// The percent sign before a zone is itself encoded in a URL: RFC 6874.
    private static func ipv6(_ address: String) -> String {
        address.split(separator: "%", maxSplits: 1).map(String.init).joined(separator: "%25")
    }

    private static func path(_ info: ConnectionInfo, parameters: [(String, String)]) -> String {
        let query = parameters.map { "\($0.0)=\(percentEncoded($0.1))" }.joined(separator: "&")
        return "/\(percentEncoded(info.databaseName))" + (query.isEmpty ? "" : "?\(query)")
    }
}

// MARK: .env

extension ConnectionSnippets {
    /// `DATABASE_URL` for programs, and libpq's own variables for psql, pg_dump and the like, where all readers agree
    /// on their values.
    static func env(_ info: ConnectionInfo) -> String {
        let url = "DATABASE_URL=\(environmentValue(url(info)) ?? "")\n"
        return url + (variables(info) ?? []).map { "\($0.0)=\($0.1)\n" }.joined()
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
            ("PGSSLMODE", info.sslMode?.rawValue),
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
        if info.sslMode != nil {
            let name = info.fixedAddress == nil ? "" : ", servername: \(javaScript(info.host))"
            options.append("ssl: { rejectUnauthorized: false\(name) },")
        }
        return """
            // npm install pg; save as example.cjs; node example.cjs
            const { Client } = require("pg");

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
}

// MARK: Java

extension ConnectionSnippets {
    /// pgjdbc: https://jdbc.postgresql.org/documentation/use/
    ///
    /// The parameters are in the URL so that the URL alone serves where only that is asked for.
    static func jdbc(_ info: ConnectionInfo) -> String {
        let url = jdbcURL(info, parameters: info.sslMode.map { [("sslmode", $0.rawValue)] } ?? [])
        return """
            // Save as Main.java beside the driver: java -cp postgresql.jar Main.java
            import java.sql.Connection;
            import java.sql.DriverManager;
            import java.sql.ResultSet;
            import java.sql.SQLException;
            import java.sql.Statement;

            public class Main {
            \(jdbcMain(url))
            }

            """
    }

    /// Java asks the system's resolver alone, so this connects to the address and names the host in TLS itself: the
    /// driver's TLS sockets are made by a class that a parameter of the URL names.
    static func jdbcOnThisHost(_ info: ConnectionInfo) -> String {
        let mode = info.sslMode.map { [("sslmode", $0.rawValue)] } ?? []
        return """
            // Save as Main.java beside the driver: javac -cp postgresql.jar Main.java && java -cp postgresql.jar:. Main
            import java.io.IOException;
            import java.net.Socket;
            import java.security.GeneralSecurityException;
            import java.sql.Connection;
            import java.sql.DriverManager;
            import java.sql.ResultSet;
            import java.sql.SQLException;
            import java.sql.Statement;
            import org.postgresql.ssl.NonValidatingFactory;

            public class Main {
            \(jdbcMain(jdbcURL(info, parameters: mode + [("sslfactory", "Main$Named")])))

                /** Names the branch to the gateway, because not every system can look up names under .localhost. */
                public static class Named extends NonValidatingFactory {
                    public Named(String argument) throws GeneralSecurityException {
                        super(argument);
                    }

                    @Override
                    public Socket createSocket(Socket socket, String host, int port, boolean autoClose)
                            throws IOException {
                        return super.createSocket(socket, \(java(info.host)), port, autoClose);
                    }
                }
            }

            """
    }

    private static func jdbcURL(_ info: ConnectionInfo, parameters: [(String, String)]) -> String {
        let login = [("user", info.username), ("password", info.password)]
        return "jdbc:postgresql://\(authority(info, host: info.fixedAddress))"
            + path(info, parameters: login + parameters)
    }

    private static func jdbcMain(_ url: String) -> String {
        let lines = """
            public static void main(String[] arguments) throws SQLException {
                String url = \(java(url));
                try (Connection connection = DriverManager.getConnection(url);
                        Statement statement = connection.createStatement();
                        ResultSet rows = statement.executeQuery("SELECT current_database()")) {
                    rows.next();
                    System.out.println(rows.getString(1));
                }
            }
            """
        return indented(lines.split(separator: "\n").map(String.init), by: 4)
    }
}

// MARK: Python

extension ConnectionSnippets {
    /// psycopg 3: https://www.psycopg.org/psycopg3/docs/api/module.html
    static func python(_ info: ConnectionInfo) -> String {
        let parameters: [(String, String)] =
            [("host", python(info.host))]
            + (info.fixedAddress.map { [("hostaddr", python($0))] } ?? [])
            + [
                ("port", String(info.port)),
                ("user", python(info.username)),
                ("password", python(info.password)),
                ("dbname", python(info.databaseName)),
            ]
            + (info.sslMode.map { [("sslmode", python($0.rawValue))] } ?? [])
        return """
            # pip install "psycopg[binary]"
            import psycopg

            with psycopg.connect(
            \(indented(parameters.map { "\($0.0)=\($0.1)," }, by: 4))
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

    /// Without a word about it, lib/pq requires TLS.
    private static func goURL(_ info: ConnectionInfo) -> String {
        url(info, parameters: [("sslmode", info.sslMode?.rawValue ?? "disable")])
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

// MARK: Swift

extension ConnectionSnippets {
    /// PostgresNIO 1.x: https://api.vapor.codes/postgresnio/documentation/postgresnio/
    static func swift(_ info: ConnectionInfo) -> String {
        let usesTLS = info.sslMode != nil
        let namesHost = usesTLS && info.fixedAddress != nil
        let before = [
            "var tlsConfiguration = TLSConfiguration.makeClientConfiguration()",
            "tlsConfiguration.certificateVerification = .none",
        ]
        let server = ["configuration.options.tlsServerName = \(swift(info.host))"]
        let tls = usesTLS ? ".require(try NIOSSLContext(configuration: tlsConfiguration))" : ".disable"
        let statements =
            (usesTLS ? before : [])
            + [
                "\(namesHost ? "var" : "let") configuration = PostgresConnection.Configuration(",
                "    host: \(swift(info.fixedAddress ?? info.host)),",
                "    port: \(info.port),",
                "    username: \(swift(info.username)),",
                "    password: \(swift(info.password)),",
                "    database: \(swift(info.databaseName)),",
                "    tls: \(tls)",
                ")",
            ]
            + (namesHost ? server : [])
        return """
            // Save as Example.swift (not main.swift) in a package that depends on postgres-nio 1.21 or newer,
            // \(usesTLS ? "swift-nio-ssl and swift-log" : "and on swift-log").
            import Logging\(usesTLS ? "\nimport NIOSSL" : "")
            import PostgresNIO

            @main
            struct Example {
                static func main() async throws {
            \(indented(statements, by: 8))
                    let logger = Logger(label: "example")
                    let connection = try await PostgresConnection.connect(
                        configuration: configuration,
                        id: 1,
                        logger: logger
                    )
                    do {
                        let rows = try await connection.query("SELECT current_database()", logger: logger)
                        for try await name in rows.decode(String.self) {
                            print(name)
                        }
                    } catch {
                        try? await connection.close()
                        throw error
                    }
                    try await connection.close()
                }
            }

            """
    }

    private static func indented(_ lines: [String], by count: Int) -> String {
        lines.map { String(repeating: " ", count: count) + $0 }.joined(separator: "\n")
    }
}
