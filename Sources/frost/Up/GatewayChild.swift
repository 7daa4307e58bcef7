import ArgumentParser
import BranchManager
import Foundation
import Subprocess
import SystemPackage

/// The gateway as a child process: started, started again when it falls over, and stopped.
struct GatewayChild: Sendable {
    var routeFile: String
    var port: Int
    var listenAddress: String?
    var certFile: String?
    var keyFile: String?
    var certDir: String?
    var drainTimeout: String?

    /// Where it says whether it is ready; beside that of a gateway which is a unit of its own.
    private static let adminAddress = "127.0.0.1:9433"
    /// The longest drain timeout the gateway takes, and a little.
    private static let longestDrain = Duration.seconds(7 * 24 * 3_600 + 60)
    private static let pauseBetweenStarts = Duration.seconds(2)

    private var program: String {
        // Not by the name this was called by, which may lead into the working directory.
        let executable =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/usr/local/bin/frost"
        let own = URL(fileURLWithPath: executable).deletingLastPathComponent()
        let path =
            ProcessInfo.processInfo.environment["FROST_GATEWAY_PROGRAM"]
            ?? own.appendingPathComponent("postgres-gateway").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : "/usr/local/bin/postgres-gateway"
    }

    private var settings: [Environment.Key: String?] {
        let values: [String: String?] = [
            "ENABLED": "true", "PORT": String(port), "ROUTE_FILE": routeFile, "LISTEN_ADDRESS": listenAddress,
            "CERT_FILE": certFile, "KEY_FILE": keyFile, "CERT_DIR": certDir, "DRAIN_TIMEOUT": drainTimeout,
            "ADMIN_ADDRESS": ProcessInfo.processInfo.environment["FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS"]
                ?? Self.adminAddress,
        ]
        return Dictionary(
            uniqueKeysWithValues: values.compactMap { key, value in
                value.map { (Environment.Key(stringLiteral: "FROST_POSTGRES_GATEWAY_\(key)"), $0) }
            }
        )
    }

    /// Runs it until the task is cancelled.
    ///
    /// - Parameter ready: called each time it has come up.
    /// - Throws: the gateway's exit code when it cannot use its settings or its port; it has said why.
    func run(_ ready: @escaping @Sendable () throws -> Void) async throws {
        while !Task.isCancelled {
            let status = try await runOnce(ready)
            if Task.isCancelled { return }
            if case .exited(let code) = status, [78, 98].contains(code) { throw ExitCode(code) }
            Complaint.print("the gateway ended (\(status)); starting it again")
            try await Task.sleep(for: Self.pauseBetweenStarts)
        }
    }

    private func runOnce(_ ready: @escaping @Sendable () throws -> Void) async throws -> TerminationStatus {
        var platform = PlatformOptions()
        // Ctrl-C is for us; the gateway is told to stop by a signal of its own, and may drain.
        platform.processGroupID = 0
        platform.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: Self.longestDrain)]
        let result = try await Subprocess.run(
            .path(FilePath(program)),
            arguments: ["run"],
            environment: .inherit.updating(settings),
            platformOptions: platform,
            input: .none,
            output: .fileDescriptor(.standardOutput, closeAfterSpawningProcess: false),
            error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
        ) { execution in
            if try await waitUntilAlive(execution.processIdentifier.value) { try ready() }
            // When this task is cancelled, the process is told to end by the teardown sequence, once: a
            // second signal would cut the sessions off that it drains.
            while !Task.isCancelled, !hasEnded(execution.processIdentifier.value) {
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
        return result.terminationStatus
    }

    private func waitUntilAlive(_ pid: Int32) async throws -> Bool {
        while !Task.isCancelled, !hasEnded(pid) {
            let health = try await Subprocess.run(
                .path(FilePath(program)),
                arguments: ["health", "--live"],
                environment: .inherit.updating(settings),
                input: .none,
                output: .discarded,
                error: .discarded
            )
            if health.terminationStatus.isSuccess { return !hasEnded(pid) }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }

    /// Whether a child of ours is a zombie or gone.
    private func hasEnded(_ pid: Int32) -> Bool {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = stat.lastIndex(of: ")")
        else { return true }
        return stat[end...].dropFirst(2).first == "Z"
    }
}
