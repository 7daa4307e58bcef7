import BranchManager
import Foundation
import TestSupport
import Testing

/// The log of a local server is bounded.
@Suite struct ServerLogTests {
    private static let limit = 256 * 1_024

    private static func run(_ body: (RuntimeHost) async throws -> Void) async throws {
        try await RuntimeHost.run(
            .local,
            local: {
                try await LocalRuntime(
                    directory: $0,
                    installations: PostgresInstallations.find(),
                    logLimit: limit
                )
            },
            body
        )
    }

    @Test("A loop of log lines fills no disk; the last start and how the server ended are in it")
    func bounded() async throws {
        try await Self.run { host in
            let main = try await host.makeDatabase()
            let log = host.directory.file("branches/\(main.target.id)/server.log")
            func text() throws -> String {
                String(decoding: try Data(contentsOf: URL(fileURLWithPath: log)), as: UTF8.self)
            }
            func size(_ path: String) throws -> Int {
                try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
            }
            // Eight times what fits in one file, with a mark at the end.
            _ = try await host.query(
                main,
                "DO $$ BEGIN FOR i IN 1..20000 LOOP RAISE LOG 'filling the disk with line %, and another', i; END LOOP; END $$"
            )
            _ = try await host.query(main, "DO $$ BEGIN RAISE LOG 'end of lines'; END $$")
            while try !text().contains("end of lines") { await Task.yield() }
            #expect(try size(log) <= Self.limit + 1_024)
            #expect(try size("\(log).1") <= Self.limit + 1_024)
            let names = try FileManager.default.contentsOfDirectory(
                atPath: host.directory.file("branches/\(main.target.id)")
            )
            #expect(names.filter { $0.hasPrefix("server.log") }.sorted() == ["server.log", "server.log.1"])
            #expect(try text().contains("starting PostgreSQL"), "the start is carried over")
            #expect(try text().contains("ready to accept connections"))

            try await host.manager.stop(main)
            while try !text().contains("database system is shut down") { await Task.yield() }
            try await host.manager.start(main)
            while try !text().contains("ready to accept connections") { await Task.yield() }
            let before = try String(decoding: Data(contentsOf: URL(fileURLWithPath: "\(log).1")), as: UTF8.self)
            #expect(before.contains("database system is shut down"), "how it ended is in the file before")
        }
    }

    @Test("A start that fails says why, however often it is tried")
    func failure() async throws {
        try await Self.run { host in
            let main = try await host.makeDatabase()
            _ = try await host.query(main, "ALTER SYSTEM SET shared_preload_libraries = 'no_such_library'")
            try await host.manager.stop(main)
            for _ in 0..<3 {
                let error = await #expect(throws: BranchError.self) { try await host.manager.start(main) }
                #expect(error?.description.contains("no_such_library") == true, "\(error?.description ?? "")")
            }
            let log = host.directory.file("branches/\(main.target.id)/server.log")
            #expect(try String(contentsOfFile: log, encoding: .utf8).contains("no_such_library"))
        }
    }
}
