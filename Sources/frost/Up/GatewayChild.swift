import ArgumentParser
import BranchManager
import Foundation
import Subprocess
import Synchronization
import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The gateway as a child process: started, started again when it falls over, and stopped.
///
/// One whose `frost up` was killed goes on serving, as a unit of its own would; the next `frost up` ends it.
final class GatewayChild: Sendable {
    struct Settings: Sendable {
        var routeFile: String
        var listenAddress: String?
        var certFile: String?
        var keyFile: String?
        var certDir: String?
        var drainTimeout: String?
    }

    private let given: Settings
    private let port: Int
    let directory: String
    let account: GatewayAccount?
    private let record: ProcessRecord
    private let pid = Mutex<Int32?>(nil)

    /// - Parameters:
    ///   - account: whom it runs as; nil for whom this process runs as.
    ///   - directory: where it is kept which process it is.
    init(_ settings: Settings, port: Int, account: GatewayAccount?, directory: String) {
        given = settings
        self.port = port
        self.directory = directory
        self.account = account
        record = ProcessRecord.gateway(in: directory)
    }

    /// Where it says whether it is ready; beside that of a gateway which is a unit of its own.
    private static let ownAdminAddress = "127.0.0.1:9433"
    /// Of a gateway that is a unit of its own, where nothing else is said.
    private static let unitAdminAddress = "127.0.0.1:9432"

    /// - Parameter isChild: whether the gateway is run by `frost up`.
    static func adminAddress(isChild: Bool) -> String {
        ProcessInfo.processInfo.environment["FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS"]
            ?? (isChild ? ownAdminAddress : unitAdminAddress)
    }

    /// The longest drain timeout the gateway takes, and a little.
    private static let longestDrain = Duration.seconds(7 * 24 * 3_600 + 60)
    private static let pauseBetweenStarts = Duration.seconds(2)

    /// - Throws: ``BranchError/invalid(_:)`` when the program that was named cannot be run.
    func program() throws(BranchError) -> String {
        if let named = ProcessInfo.processInfo.environment["FROST_GATEWAY_PROGRAM"], !named.isEmpty {
            guard FileManager.default.isExecutableFile(atPath: named) else {
                throw .invalid("FROST_GATEWAY_PROGRAM is \(named), which is no program that can be run")
            }
            return named
        }
        // Not by the name this was called by, which may lead into the working directory.
        let executable =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/usr/local/bin/frost"
        let own = URL(fileURLWithPath: executable).deletingLastPathComponent()
        let places = [own.appendingPathComponent("postgres-gateway").path, "/usr/local/bin/postgres-gateway"]
        guard let path = places.first(where: FileManager.default.isExecutableFile) else {
            throw .notFound(
                "there is no postgres-gateway at \(places.joined(separator: " or ")); install it, name it with "
                    + "FROST_GATEWAY_PROGRAM, or give --no-gateway"
            )
        }
        return path
    }

    private static let prefix = "FROST_POSTGRES_GATEWAY_"
    /// Beside the gateway's own variables: what a program needs to run at all. Others of the operator's may be secrets.
    private static let inherited: Set<String> = ["PATH", "LANG", "LC_ALL", "TZ"]

    var environment: [String: String] {
        let values: [String: String?] = [
            "ENABLED": "true", "PORT": String(port), "ROUTE_FILE": given.routeFile,
            "LISTEN_ADDRESS": given.listenAddress, "CERT_FILE": given.certFile, "KEY_FILE": given.keyFile,
            "CERT_DIR": given.certDir, "DRAIN_TIMEOUT": given.drainTimeout,
            "ADMIN_ADDRESS": Self.adminAddress(isChild: true),
        ]
        var variables = ProcessInfo.processInfo.environment.filter {
            $0.key.hasPrefix(Self.prefix) || Self.inherited.contains($0.key)
        }
        for (key, value) in values { if let value { variables[Self.prefix + key] = value } }
        return variables
    }

    static func environment(_ variables: [String: String]) -> Environment {
        .custom(
            Dictionary(uniqueKeysWithValues: variables.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
        )
    }

    /// Runs it until the task is cancelled.
    ///
    /// - Parameters:
    ///   - ready: called each time it has come up.
    ///   - ended: called each time it has ended by itself and is started again.
    /// - Throws: the gateway's exit code when it cannot use its settings or its port; it has said why.
    func run(
        _ ready: @escaping @Sendable () throws -> Void,
        ended: @escaping @Sendable (TerminationStatus) throws -> Void
    ) async throws {
        try await account?.check(
            routeFile: given.routeFile,
            environment: Self.environment(environment)
        )
        while !Task.isCancelled {
            let status = try await runOnce(ready)
            if Task.isCancelled { return }
            if case .exited(let code) = status, [78, 98].contains(code) { throw ExitCode(code) }
            try ended(status)
            Complaint.print("the gateway ended (\(status)); starting it again")
            try await Task.sleep(for: Self.pauseBetweenStarts)
        }
    }

    /// Tells a gateway that drains its sessions to end at once, which a second signal means to it.
    func endAtOnce() {
        if let pid = pid.withLock({ $0 }) { kill(pid, SIGTERM) }
    }

    /// Whether the gateway of a `frost up` that was killed still runs.
    var isLeftOver: Bool { record.running() != nil }

    /// Ends the gateway of a `frost up` that was killed; its sessions are drained as it was told.
    func endLeftOver() async {
        guard let leftOver = record.running() else { return }
        Complaint.print("ending the gateway (process \(leftOver)) that an earlier frost up left behind")
        kill(leftOver, SIGTERM)
        while !Task.isCancelled, record.running() == leftOver { try? await Task.sleep(for: .milliseconds(100)) }
    }

    private func runOnce(_ ready: @escaping @Sendable () throws -> Void) async throws -> TerminationStatus {
        let answers = try ReadySocket()
        var variables = environment
        variables["NOTIFY_SOCKET"] = answers.name
        var platform = PlatformOptions()
        // Ctrl-C is for us; the gateway is told to stop by a signal of its own, and may drain.
        platform.processGroupID = 0
        platform.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: Self.longestDrain)]
        // It keeps its number: setpriv becomes the program it is given.
        let command = (account?.command(port: port) ?? []) + [try program(), "run"]
        let result = try await Subprocess.run(
            account == nil ? .path(FilePath(command[0])) : .name(command[0]),
            arguments: Arguments(Array(command.dropFirst())),
            environment: Self.environment(variables),
            platformOptions: platform,
            input: .none,
            output: .fileDescriptor(.standardOutput, closeAfterSpawningProcess: false),
            error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
        ) { execution in
            let child = execution.processIdentifier.value
            pid.withLock { $0 = child }
            record.write(child)
            // When this task is cancelled, the process is told to end by the teardown sequence, once: a
            // second signal would cut the sessions off that it drains.
            for await _ in answers.messages(until: child) { try ready() }
        }
        pid.withLock { $0 = nil }
        record.remove()
        return result.terminationStatus
    }
}
