import ArgumentParser
import BranchManager
import FrostServer
import GatewayContract
import RouteSync

extension SyncCommand {
    struct Psql: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a psql line for the oldest active branch that is routed.",
            discussion: """
                Uses the user, database and password created by Frost. Exit codes: 0 printed, 66 no active branch is \
                routed, 1 any other error; with --try, those of psql, or 127 if it is not installed.
                """
        )

        @OptionGroup var place: Place
        @Option(help: "The gateway's port.") var port = GatewayPort.client
        @Option(help: "CA for sslmode=verify-full, a file or 'system'; without it, sslmode=require.")
        var sslRootCert: String?
        @Flag(help: "Print the password instead of asterisks.") var showPassword = false
        @Flag(help: "Connect with psql instead, through the gateway at PGHOSTADDR, and print the database's name.")
        var `try` = false

        func run() async throws {
            guard let info = try await connection() else {
                ErrorOutput.print("no active branch is routed by \(place.routeFile)")
                throw ExitCode(66)
            }
            if `try` {
                try ClientProgram.become(
                    "psql",
                    ["-XqAtw", "-c", "SELECT 'connected to ' || current_database()", info.conninfo],
                    ["PGPASSWORD": info.password, "PGCONNECT_TIMEOUT": "20"]
                )
            }
            print(showPassword ? ConnectionSnippets.psql(info) : ConnectionSnippets.maskedPsql(info))
        }

        private func connection() async throws -> ConnectionInfo? {
            do {
                let access = try await withTaskExecutorPreference(BlockingWork.executor) {
                    try await Self.access(place)
                }
                return access.map { access in
                    ConnectionInfo(
                        host: access.hostname,
                        port: port,
                        username: access.username,
                        password: access.password,
                        databaseName: access.databaseName,
                        sslMode: sslRootCert.map { .verifyFull($0 == "system" ? .system : .file($0)) } ?? .require
                    )
                }
            } catch {
                ErrorOutput.print("\(error)")
                throw ExitCode.failure
            }
        }

        /// On the thread that its task prefers.
        private static func access(_ place: Place) async throws -> FrostAccess? {
            try FrostAccess.find(databasePath: place.frostDb, routeFile: place.routeFile)
        }
    }
}
