import TestSupport

/// A driver that docs/symptoms.md quotes beside psql, run in the container of the gate's client.
enum SymptomDriver: String, CaseIterable, Sendable {
    case nodePostgres = "node-postgres"
    case jdbc
    case pgx
    case libPQ = "lib/pq"

    /// How the driver connects.
    enum Way: String, Sendable {
        /// Encrypted, without a look at the certificate.
        case require
        /// With the CAs of the driver's system, of which the gateway's is none.
        case verify
    }

    /// Connects, and fails.
    ///
    /// - Parameters:
    ///   - isResolved: whether the driver's system finds the branch's hostname, which is then this host.
    /// - Returns: the error as the driver words it.
    func connect(
        to branch: String,
        _ way: Way,
        isResolved: Bool = true,
        _ host: SymptomHost
    ) async throws -> String {
        let name = "\(branch).\(SymptomHost.domain)"
        let network = isResolved ? ["--network", "host", "--add-host", "\(name):127.0.0.1"] : ["--network", "none"]
        let hidden = isResolved ? "" : "\(withoutName) && "
        let script = "cd \"$(mktemp -d)\" && printf %s \"$1\" > \(file) && shift && \(hidden)\(command) \"$@\""
        let result = try await Command.run(
            "docker",
            ["run", "--rm", "--init"] + network + ["--entrypoint", "sh", image, "-c", script, "sh", program]
                + [name, String(host.port), way.rawValue, rawValue, isResolved ? "host" : "none"]
        )
        return result.output + result.errors
    }

    private var image: String {
        switch self {
        case .nodePostgres: "frost-compat-node-pg"
        case .jdbc: "frost-compat-jdbc"
        case .pgx, .libPQ: "frost-compat-pgx"
        }
    }

    private var file: String {
        switch self {
        case .nodePostgres: "client.cjs"
        case .jdbc: "Main.java"
        case .pgx, .libPQ: "main.go"
        }
    }

    private var command: String {
        switch self {
        case .nodePostgres: "node client.cjs"
        case .jdbc: "java -cp /usr/share/java/postgresql.jar Main.java"
        case .pgx, .libPQ: "go run main.go"
        }
    }

    /// Has the system say that no name exists. Go does not ask the system: its program is the server of names.
    private var withoutName: String {
        switch self {
        case .nodePostgres, .jdbc: "echo 'hosts: files' > /etc/nsswitch.conf"
        case .pgx, .libPQ: "echo 'nameserver 127.0.0.1' > /etc/resolv.conf"
        }
    }

    // MARK: Programs

    private var program: String {
        switch self {
        case .nodePostgres: Self.nodeProgram
        case .jdbc: Self.javaProgram
        case .pgx, .libPQ: Self.goProgram
        }
    }

    private static let nodeProgram = #"""
        const { Client } = require("pg");
        const [host, port, way] = process.argv.slice(2);
        const ssl = way === "require" ? { rejectUnauthorized: false } : true;
        const client = new Client({ host, port: Number(port), user: "frost", password: "x", database: "shop", ssl });
        client.on("error", () => {});
        client.connect().catch((error) => {
            console.log(`${error}`);
            if (error.hint) console.log(`error.code: ${error.code}\nerror.hint: ${error.hint}`);
            process.exit(0);
        });
        """#

    private static let javaProgram = #"""
        import java.sql.*;

        class Main {
            public static void main(String[] words) {
                String url = "jdbc:postgresql://" + words[0] + ":" + words[1] + "/shop?user=frost&password=x&sslmode="
                    + (words[2].equals("require") ? "require" : "verify-full&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory");
                try {
                    DriverManager.getConnection(url);
                } catch (SQLException error) {
                    System.out.println(error);
                    if (error.getCause() != null) System.out.println("Caused by: " + error.getCause());
                }
            }
        }
        """#

    /// pgx v4 sends no server name with sslmode=require unless the program sets one.
    private static let goProgram = #"""
        package main

        import (
        	"context"
        	"database/sql"
        	"fmt"
        	"net"
        	"os"

        	"github.com/jackc/pgx/v4"
        	_ "github.com/lib/pq"
        )

        func connect(host, port, mode, driver string) error {
        	address := fmt.Sprintf("host=%s port=%s user=frost password=x dbname=shop sslmode=%s", host, port, mode)
        	if driver == "lib/pq" {
        		database, err := sql.Open("postgres", address)
        		if err != nil {
        			return err
        		}
        		return database.Ping()
        	}
        	config, err := pgx.ParseConfig(address)
        	if err != nil {
        		return err
        	}
        	config.TLSConfig.ServerName = host
        	_, err = pgx.ConnectConfig(context.Background(), config)
        	return err
        }

        // Answers that there is no such name.
        func serveNames(socket net.PacketConn) {
        	query := make([]byte, 512)
        	for {
        		size, client, err := socket.ReadFrom(query)
        		if err != nil {
        			return
        		}
        		query[2], query[3] = 0x81, 0x83
        		socket.WriteTo(query[:size], client)
        	}
        }

        func main() {
        	if os.Args[5] == "none" {
        		socket, err := net.ListenPacket("udp", "127.0.0.1:53")
        		if err != nil {
        			panic(err)
        		}
        		go serveNames(socket)
        	}
        	mode := "verify-full"
        	if os.Args[3] == "require" {
        		mode = "require"
        	}
        	fmt.Println(connect(os.Args[1], os.Args[2], mode, os.Args[4]))
        }
        """#
}

extension Symptom {
    private static func driver(
        _ section: String,
        _ driver: SymptomDriver,
        to branch: String,
        _ way: SymptomDriver.Way,
        isResolved: Bool = true
    ) -> Symptom {
        Symptom(section, driver.rawValue) { try await driver.connect(to: branch, way, isResolved: isResolved, $0) }
    }

    /// What each driver has words of its own for.
    static let drivers = SymptomDriver.allCases.flatMap { each in
        [
            driver("Name not resolved", each, to: "dev", .require, isResolved: false),
            driver("No branch has the hostname", each, to: "old", .require),
            driver("The certificate is not trusted", each, to: "dev", .verify),
        ]
    }
}
