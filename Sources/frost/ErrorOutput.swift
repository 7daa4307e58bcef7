import ArgumentParser
import BranchManager
import Foundation
import Logging
import RouteMap

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Messages for users on standard error, separate from a command's output.
enum ErrorOutput {
    static func print(_ text: String) {
        // Overwrite the rest of a line of ``Progress``.
        let erase = TerminalLine.standardError == nil ? "" : TerminalLine.erase
        Output.write("\(erase)frost: \(text)\n", to: STDERR_FILENO)
    }

    /// Runs a command; reports a failure in one line, or as JSON if requested, with its own exit code. Failing to write
    /// the output is such a failure too.
    static func exiting<Value>(_ options: FrostOptions, _ body: () async throws -> Value) async throws -> Value {
        do {
            // Its child tasks follow it there.
            let value = try await withTaskExecutorPreference(BlockingWork.executor) { try await body() }
            try Output.flush()
            return value
        } catch let error as BranchError {
            throw fail(error, options)
        } catch let error as HostnameError {
            throw fail(.invalid("the wildcard domain \(error)"), options)
        }
    }

    private static func fail(_ error: BranchError, _ options: FrostOptions) -> ExitCode {
        let fault = CommandFault(error, options)
        if options.json { fault.printJSON() } else { print(error.description) }
        return ExitCode(fault.exitCode)
    }
}

/// Prints log messages of the libraries as lines on standard error.
struct ErrorLogHandler: LogHandler {
    var logLevel = Logger.Level.warning
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let detail = event.metadata?["error"].map { ": \($0)" } ?? ""
        ErrorOutput.print("\(event.message)\(detail)")
    }
}
