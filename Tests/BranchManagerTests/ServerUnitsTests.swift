import BranchManager
import Foundation
import TestSupport
import Testing

/// Servers that systemd keeps.
@Suite struct ServerUnitsTests {
    /// What stands in for the script of an installation: it notes what it is asked, and does it.
    private static func script(in directory: TemporaryDirectory, _ body: String) throws -> String {
        let script = directory.file("servers.sh")
        try "#!/bin/sh\n\(body)\n".write(toFile: script, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        return script
    }

    private static func run(_ script: String, _ body: (RuntimeHost) async throws -> Void) async throws {
        try await RuntimeHost.run(
            .local,
            local: {
                try await LocalRuntime(
                    directory: $0,
                    installations: PostgresInstallations.find(),
                    units: ServerUnits(script: script)
                )
            },
            body
        )
    }

    @Test("Each server is started through the script, with all that belongs to it, and nothing else is")
    func started() async throws {
        let place = try TemporaryDirectory("units")
        defer { place.remove() }
        let asked = place.file("asked")
        let script = try Self.script(in: place, "echo \"$1\" >>'\(asked)'; shift; exec \"$@\"")
        try await Self.run(script) { host in
            let main = try await host.makeDatabase()
            // Once to make its database, once for good.
            #expect(try String(contentsOfFile: asked, encoding: .utf8) == "run\nrun\n")
            try await host.manager.stop(main)
            try await host.manager.start(main)
            #expect(try String(contentsOfFile: asked, encoding: .utf8) == "run\nrun\nrun\n")
            #expect(try await host.query(main, "SELECT 1") == "1")
        }
    }

    @Test("What keeps a server from being put there is told")
    func refused() async throws {
        let place = try TemporaryDirectory("units")
        defer { place.remove() }
        let script = try Self.script(in: place, "echo 'Failed to start transient scope unit' >&2; exit 1")
        try await Self.run(script) { host in
            await #expect {
                _ = try await host.makeDatabase()
            } throws: { "\($0)".contains("Failed to start transient scope unit") }
        }
    }

    @Test("Without an installation servers stay where they are started")
    func absent() {
        #expect(ServerUnits.find(script: "/none/servers.sh") == nil)
    }
}
