import Foundation
import TestSupport

/// A client with two sessions on a branch, one in the middle of a query and one idle, and what it says of their ends.
///
/// Prints a line for each error: whose session it is, the SQLSTATE where the driver has one, and the message.
enum StoppedBranchClient: String, CaseIterable, Sendable {
    case psql
    case psycopg
    case jdbc
    case nodePG = "node-pg"

    /// Runs until both sessions have ended.
    ///
    /// - Parameters:
    ///   - place: for the client's program.
    ///   - gate: a named pipe; psql's idle session asks again once something was written to it.
    ///   - certificate: of the gateway, self-signed, which node-postgres checks; the others encrypt only.
    /// - Returns: all that it printed.
    func run(
        url: String,
        in place: TemporaryDirectory,
        gate: String,
        certificate: SelfSignedCertificate
    ) async throws -> String {
        switch self {
        case .psql:
            async let sleeping = Self.psql(url, ["SELECT pg_sleep(600)"])
            async let idle = Self.psql(url, ["SELECT 1", #"\! read line < \#(gate)"#, "SELECT 2"])
            return try await Self.lines(sleeping, of: "sleeping") + Self.lines(idle, of: "idle")
        case .psycopg:
            try place.write(Self.psycopgScript, to: "client.py")
            return Self.text(
                try await Command.run("\(Checkout.root)/.build-compat/venv/bin/python", [place.file("client.py"), url])
            )
        case .jdbc:
            try place.write(Self.jdbcProgram, to: "Main.java")
            let command = "java -cp /usr/share/java/postgresql.jar Main.java \"$@\""
            return try await inContainer("frost-compat-jdbc", "Main.java", command, url: url, in: place)
        case .nodePG:
            try place.write(Self.nodeScript, to: "client.cjs")
            let root = try String(contentsOfFile: certificate.certFile, encoding: .utf8)
            let command = "NODE_PATH=/usr/share/nodejs:/usr/lib/nodejs ROOT='\(root)' node client.cjs \"$@\""
            return try await inContainer("frost-compat-node-pg", "client.cjs", command, url: url, in: place)
        }
    }

    private static func text(_ result: Command.Result) -> String { result.output + result.errors }

    private static func lines(_ text: String, of session: String) -> String {
        text.split(separator: "\n").map { "\(session): \($0)\n" }.joined()
    }

    private static func psql(_ url: String, _ commands: [String]) async throws -> String {
        let words = commands.flatMap { ["-c", $0] }
        return text(try await Command.run("psql", ["-XqAt", "-v", "VERBOSITY=verbose"] + words + [url]))
    }

    /// On this host's network, where it shall find the branch's hostname.
    private func inContainer(
        _ image: String,
        _ file: String,
        _ command: String,
        url: String,
        in place: TemporaryDirectory
    ) async throws -> String {
        guard let parts = URLComponents(string: url), let host = parts.host, let port = parts.port,
            let user = parts.user, let password = parts.password
        else { throw Command.Failure("no connection string: \(url)") }
        let database = String(parts.path.dropFirst())
        let program = try String(contentsOfFile: place.file(file), encoding: .utf8)
        let script = "cd \"$(mktemp -d)\" && printf %s \"$1\" > \(file) && shift && \(command)"
        return Self.text(
            try await Command.run(
                "docker",
                ["run", "--rm", "--init", "--network", "host", "--add-host", "\(host):127.0.0.1", "--entrypoint", "sh"]
                    + [image, "-c", script, "sh", program, host, String(port), user, password, database]
            )
        )
    }

    // MARK: Programs

    private static let psycopgScript = #"""
        import sys
        import psycopg

        def attempt(name, connection, query):
            try:
                connection.execute(query)
                print(f"{name}: no error")
            except psycopg.Error as error:
                print(f"{name}: {error.sqlstate} {error}")

        idle, sleeping = [psycopg.connect(sys.argv[1], autocommit=True) for _ in range(2)]
        idle.execute("SELECT 1")
        attempt("sleeping", sleeping, "SELECT pg_sleep(600)")
        attempt("idle", idle, "SELECT 2")
        """#

    private static let jdbcProgram = #"""
        import java.sql.*;

        class Main {
            static void attempt(String name, Connection connection, String query) {
                try (Statement statement = connection.createStatement()) {
                    statement.execute(query);
                    System.out.println(name + ": no error");
                } catch (SQLException error) {
                    System.out.println(name + ": " + error.getSQLState() + " " + error.getMessage());
                    for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause())
                        System.out.println(name + ": cause " + cause);
                }
            }

            public static void main(String[] words) throws SQLException {
                String url = "jdbc:postgresql://" + words[0] + ":" + words[1] + "/" + words[4] + "?sslmode=require";
                Connection idle = DriverManager.getConnection(url, words[2], words[3]);
                Connection sleeping = DriverManager.getConnection(url, words[2], words[3]);
                try (Statement statement = idle.createStatement()) { statement.execute("SELECT 1"); }
                attempt("sleeping", sleeping, "SELECT pg_sleep(600)");
                attempt("idle", idle, "SELECT 2");
            }
        }
        """#

    /// An idle client of node-postgres hears of its end by an event, which pools listen to.
    private static let nodeScript = #"""
        const { Client } = require("pg");
        const [host, port, user, password, database] = process.argv.slice(2);

        async function connect() {
            const ssl = { ca: process.env.ROOT };
            const client = new Client({ host, port: Number(port), user, password, database, ssl });
            await client.connect();
            return client;
        }

        function show(name, error) { console.log(`${name}: ${error.code} ${error.message}`); }

        async function main() {
            const idle = await connect();
            const sleeping = await connect();
            sleeping.on("error", () => {});
            let first = true;
            const ended = new Promise((resolve) => {
                idle.on("error", (error) => {
                    if (first) show("idle", error);
                    first = false;
                });
                idle.on("end", resolve);
            });
            await idle.query("SELECT 1");
            try {
                await sleeping.query("SELECT pg_sleep(600)");
                console.log("sleeping: no error");
            } catch (error) {
                show("sleeping", error);
            }
            await ended;
            process.exit(0);
        }

        main();
        """#
}
