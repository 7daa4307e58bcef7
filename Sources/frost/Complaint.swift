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

/// Lines for people, beside what a command prints.
enum Complaint {
    static func print(_ text: String) {
        // Over what is left of a line of ``Progress``.
        let erase = TerminalLine.standardError == nil ? "" : TerminalLine.erase
        Output.write("\(erase)frost: \(text)\n", to: STDERR_FILENO)
    }

    /// Runs a command; what it cannot do is told in one line, or as JSON where that is asked for, and with an exit code
    /// of its own. So is that what it has printed has not arrived.
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

/// What the libraries log, as lines for people.
struct ComplaintLogHandler: LogHandler {
    var logLevel = Logger.Level.warning
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let detail = event.metadata?["error"].map { ": \($0)" } ?? ""
        Complaint.print("\(event.message)\(detail)")
    }
}
