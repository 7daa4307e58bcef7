import Foundation
package import Subprocess
import SystemPackage

/// Runs programs to their end and collects what they print.
package enum Command {
    package struct Result: Sendable {
        package var status: TerminationStatus
        package var output: String
        package var errors: String

        package var isSuccess: Bool { status.isSuccess }

        /// The exit code; nil for a program that a signal ended.
        package var exitCode: Int32? {
            if case .exited(let code) = status { code } else { nil }
        }
    }

    /// A program that did not do what it was run for.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(_ description: String) {
            self.description = description
        }
    }

    private static let outputLimit = 16 * 1_024 * 1_024

    /// - Parameter environment: added to this process's own.
    package static func run(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:]
    ) async throws -> Result {
        let executable: Executable = program.contains("/") ? .path(FilePath(program)) : .name(program)
        let added = environment.map { (Environment.Key(stringLiteral: $0.key), $0.value as String?) }
        let result = try await Subprocess.run(
            executable,
            arguments: Arguments(arguments),
            environment: .inherit.updating(Dictionary(uniqueKeysWithValues: added)),
            output: .string(limit: outputLimit),
            error: .string(limit: outputLimit)
        )
        return Result(
            status: result.terminationStatus,
            output: result.standardOutput,
            errors: result.standardError
        )
    }

    /// Runs a program that has to succeed.
    ///
    /// - Returns: its standard output.
    /// - Throws: ``Failure`` with what it printed.
    @discardableResult
    package static func check(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:]
    ) async throws -> String {
        let result = try await run(program, arguments, environment: environment)
        guard result.isSuccess else {
            throw Failure(
                "\(program) \(arguments.joined(separator: " ")): \(result.status)\n\(result.errors)\(result.output)"
            )
        }
        return result.output
    }
}
