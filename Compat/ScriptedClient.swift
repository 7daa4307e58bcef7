import Foundation
import Subprocess
import SystemPackage

/// A client that is a program of its own under `Clients/`; the contract is in its README.
struct ScriptedClient: GateClient {
    let name: String
    let isDeciding: Bool
    let scenarios: [Scenario]
    /// The program and the arguments in front of the job.
    let command: @Sendable (Job) -> [String]
    /// A command that prints what it is.
    let description: [String]

    private static var endGently: PlatformOptions {
        var options = PlatformOptions()
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(10))]
        return options
    }

    func describe() async throws -> String {
        let result = try await Subprocess.run(
            description[0].contains("/") ? .path(FilePath(description[0])) : .name(description[0]),
            arguments: Arguments(Array(description.dropFirst())),
            output: .string(limit: 4_096),
            error: .string(limit: 65_536)
        )
        guard result.terminationStatus.isSuccess else {
            throw ScenarioFailure("\(name) cannot run: \(result.standardError)")
        }
        return result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func run(_ job: Job, report: @escaping @Sendable (Round) -> Void) async throws {
        let words = command(job) + [String(decoding: try JSONEncoder().encode(job), as: UTF8.self)]
        let result = try await Subprocess.run(
            words[0].contains("/") ? .path(FilePath(words[0])) : .name(words[0]),
            arguments: Arguments(Array(words.dropFirst())),
            // `docker run` passes SIGTERM on to its container; killed outright it would leave it running.
            platformOptions: Self.endGently,
            input: .none,
            output: .sequence,
            error: .string(limit: 1_048_576)
        ) { execution in
            for try await line in execution.standardOutput.strings() {
                let text = line.trimmingCharacters(in: .whitespacesAndNewlines)
                if let round = try? JSONDecoder().decode(Round.self, from: Data(text.utf8)) { report(round) }
            }
        }
        guard result.terminationStatus.isSuccess else {
            throw ScenarioFailure("\(name): \(result.terminationStatus) \(result.standardError.suffix(500))")
        }
    }
}

extension ScriptedClient {
    /// A client in a container that shares this host's network; hostnames are given to it as in `/etc/hosts`.
    static func docker(_ name: String, isDeciding: Bool, version: String) -> ScriptedClient {
        let image = "frost-compat-\(name)"
        return ScriptedClient(
            name: name,
            isDeciding: isDeciding,
            scenarios: Scenario.common,
            command: { job in
                let names = [job.host, job.wrongHost].flatMap { ["--add-host", "\($0):\(job.address)"] }
                return ["docker", "run", "--rm", "--init", "--network", "host"] + names + [image]
            },
            description: ["docker", "run", "--rm", "--entrypoint", "sh", image, "-c", version]
        )
    }

    /// A Python program in the gate's virtual environment.
    static func python(
        _ name: String,
        script: String,
        interpreter: String,
        clients: String,
        more: [Scenario],
        version: String
    ) -> ScriptedClient {
        ScriptedClient(
            name: name,
            isDeciding: false,
            scenarios: Scenario.common + more,
            command: { _ in [interpreter, "\(clients)/python/\(script)"] },
            description: [interpreter, "-c", version]
        )
    }
}
