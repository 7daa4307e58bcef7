import Foundation
import NIOCore
import NIOPosix

/// A real PostgreSQL server on a port of its own, with SCRAM passwords, for one run.
package final class PostgresServer: Sendable {
    /// Where a PostgreSQL version is installed.
    package struct Installation: Sendable {
        package var programs: String

        package init(programs: String) {
            self.programs = programs
        }

        /// The newest version that Debian's packages installed.
        package static func debian() throws -> Installation {
            let base = "/usr/lib/postgresql"
            let versions = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
            // The client's package has a directory of the same name, without the server's programs.
            let servers = versions.filter { FileManager.default.isExecutableFile(atPath: "\(base)/\($0)/bin/initdb") }
            guard let newest = servers.compactMap(Int.init).max() else {
                throw Command.Failure("no PostgreSQL server under \(base); run: scripts/setup.sh test")
            }
            return Installation(programs: "\(base)/\(newest)/bin")
        }
    }

    package static let user = "frost"
    package static let password = "correct horse"
    package static let database = "shop"

    package let port: Int
    private let installation: Installation
    private let data: String

    private init(installation: Installation, data: String, port: Int) {
        self.installation = installation
        self.data = data
        self.port = port
    }

    /// Makes and starts a server.
    ///
    /// - Parameters:
    ///   - name: of its directory in `directory`.
    ///   - certificate: with one the server offers TLS, for comparing with what the gateway does.
    package static func start(
        _ installation: Installation,
        name: String,
        in directory: TemporaryDirectory,
        certificate: SelfSignedCertificate? = nil
    ) async throws -> PostgresServer {
        let data = directory.file(name)
        try FileManager.default.createDirectory(
            atPath: data,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
        let passwordFile = directory.file("\(name).password")
        try directory.write(password + "\n", to: "\(name).password")
        if isRoot { try await Command.check("chown", ["postgres:", data]) }
        try await runAsServer(
            "\(installation.programs)/initdb",
            [
                "-D", data, "-U", user, "--pwfile", passwordFile, "-A", "scram-sha-256", "-E", "UTF8", "--no-locale",
                "--no-sync",
            ]
        )
        var settings = """
            listen_addresses = '127.0.0.1'
            unix_socket_directories = ''
            fsync = off
            max_connections = 200

            """
        if let certificate {
            // A key must be the server's own; PostgreSQL refuses one that others can read.
            for (source, target) in [(certificate.certFile, "server.crt"), (certificate.keyFile, "server.key")] {
                try await Command.check("cp", [source, "\(data)/\(target)"])
                try await Command.check("chmod", ["0600", "\(data)/\(target)"])
                if isRoot { try await Command.check("chown", ["postgres:", "\(data)/\(target)"]) }
            }
            settings += "ssl = on\n"
        }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(data)/postgresql.conf"))
        try file.seekToEnd()
        try file.write(contentsOf: Data(settings.utf8))
        try file.close()

        // The port may be taken between looking and starting, so a failed start looks again.
        var attempt = 1
        while true {
            let server = PostgresServer(installation: installation, data: data, port: try await freePort())
            do {
                try await server.start()
                try await server.psql(database: "postgres", ["CREATE DATABASE \(database)"])
                return server
            } catch  where attempt < 3 {
                attempt += 1
            }
        }
    }

    /// Starts the server again after ``stop()``, on the same port.
    package func start() async throws {
        try await Self.runAsServer(
            "\(installation.programs)/pg_ctl",
            ["-D", data, "-l", "\(data)/server.log", "-w", "-t", "60", "-o", "-p \(port)", "start"]
        )
    }

    /// Stops the server, sessions and all.
    package func stop() async throws {
        try await Self.runAsServer(
            "\(installation.programs)/pg_ctl",
            ["-D", data, "-w", "-m", "immediate", "stop"]
        )
    }

    /// Runs commands on the server itself, past any gateway.
    ///
    /// - Returns: the rows, unaligned.
    @discardableResult
    package func psql(database: String = PostgresServer.database, _ commands: [String]) async throws -> String {
        try await Command.check(
            "psql",
            ["-XqAt", "-v", "ON_ERROR_STOP=1"] + commands.flatMap { ["-c", $0] }
                + ["host=127.0.0.1 port=\(port) user=\(Self.user) dbname=\(database) sslmode=disable"],
            environment: ["PGPASSWORD": Self.password]
        )
    }

    /// What the server has logged so far.
    package func log() throws -> String {
        try String(contentsOfFile: "\(data)/server.log", encoding: .utf8)
    }

    // MARK: Helpers

    private static var isRoot: Bool { getuid() == 0 }

    /// PostgreSQL refuses to run as root.
    private static func runAsServer(_ program: String, _ arguments: [String]) async throws {
        guard isRoot else {
            try await Command.check(program, arguments)
            return
        }
        try await Command.check(
            "setpriv",
            ["--reuid=postgres", "--regid=postgres", "--clear-groups", program] + arguments
        )
    }

    /// A port that nothing listens on now.
    package static func freePort() async throws -> Int {
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = listener.localAddress?.port
        try await listener.close()
        guard let port else { throw Command.Failure("the kernel gave no port") }
        return port
    }
}
