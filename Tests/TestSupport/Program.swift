import Foundation
import NIOCore
import NIOPosix
import Subprocess
import SystemPackage

/// A program that runs beside what is done with it: a gateway, a spike.
package enum Program {
    /// Runs a program, waits until it listens, does something with it, then ends it with SIGTERM.
    ///
    /// - Parameters:
    ///   - port: that it listens on when it is ready; nil when it is ready at once.
    ///   - log: a file for what it prints.
    ///   - body: gets the process id.
    /// - Throws: ``Command/Failure`` with the log's end when the program ends or does not listen in time.
    package static func whileRunning<Value: Sendable>(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        port: Int?,
        log: String,
        _ body: @Sendable (Int32) async throws -> Value
    ) async throws -> Value {
        let added = environment.map { (Environment.Key(stringLiteral: $0.key), $0.value as String?) }
        let file = try FileDescriptor.open(
            FilePath(log),
            .writeOnly,
            options: [.create, .truncate],
            permissions: [.ownerReadWrite, .groupRead, .otherRead]
        )
        let result = try await Subprocess.run(
            .path(FilePath(program)),
            arguments: Arguments(arguments),
            environment: .inherit.updating(Dictionary(uniqueKeysWithValues: added)),
            input: .none,
            output: .fileDescriptor(file, closeAfterSpawningProcess: true),
            error: .combinedWithOutput
        ) { execution in
            if let port { try await waitUntilListening(port, log: log, pid: execution.processIdentifier.value) }
            let value = try await body(execution.processIdentifier.value)
            await execution.teardown(using: [.gracefulShutDown(allowedDurationToNextStep: .seconds(60))])
            return value
        }
        return result.takeClosureResult()
    }

    private static func waitUntilListening(_ port: Int, log: String, pid: Int32) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            if let channel = try? await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: "127.0.0.1", port: port).get()
            {
                try await channel.close()
                return
            }
            if hasEnded(pid) { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        let printed = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        throw Command.Failure("nothing listens on port \(port): \(printed.suffix(2_000))")
    }

    /// Whether a child of ours is a zombie or gone.
    private static func hasEnded(_ pid: Int32) -> Bool {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = stat.lastIndex(of: ")")
        else { return true }
        return stat[end...].dropFirst(2).first == "Z"
    }
}
