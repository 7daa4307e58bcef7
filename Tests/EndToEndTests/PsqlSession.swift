import Foundation
import TestSupport
import Testing

/// A session of psql that takes its commands one by one, over a pipe with a name.
struct PsqlSession: Sendable {
    private let commands: FileHandle
    private let ended: Task<Command.Result, any Error>

    /// Returns once the session is open.
    ///
    /// - Parameters:
    ///   - url: what it connects with.
    ///   - branch: where that leads.
    static func open(_ url: String, on branch: FrostHost.Branch, of host: FrostHost) async throws -> PsqlSession {
        let mark = "session_\(UUID().uuidString.prefix(8).lowercased())"
        let fifo = host.directory.file(mark)
        try await Command.check("mkfifo", [fifo])
        let ended = Task { try await Command.run("psql", ["-XqAt", "-f", fifo, url]) }
        let session = PsqlSession(commands: try #require(FileHandle(forUpdatingAtPath: fifo)), ended: ended)
        try session.send("SET application_name = '\(mark)'")
        try await eventually("the session is open") {
            let question = "SELECT count(*) FROM pg_stat_activity WHERE application_name = '\(mark)'"
            return try await host.direct(branch, question) == "1"
        }
        return session
    }

    func send(_ command: String) throws { try commands.write(contentsOf: Data("\(command);\n".utf8)) }

    /// No more commands come; returns when psql has ended.
    func close() async throws -> Command.Result {
        try commands.close()
        return try await ended.value
    }
}
