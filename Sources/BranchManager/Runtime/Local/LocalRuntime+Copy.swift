import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Copies of a branch: made beside its data, and put in its place.
extension LocalRuntime {
    package func copy(
        from source: ServerSpec,
        to server: ServerSpec,
        progress: @escaping @Sendable (CopyProgress) -> Void
    ) async throws(BranchError) -> [String] {
        try makePlace(server)
        try await discardCopy(server)
        let tablespaces = try await inPlace(source) { place, _ throws(BranchError) in
            try place.directory("data")?.directory("pg_tblspc")?.names(atMost: 1) ?? []
        }
        guard tablespaces?.isEmpty ?? true else {
            throw .runtime(
                "the branch '\(source.targetName)' has tablespaces, which a copy would share with it; move its tables out of them"
            )
        }
        if try await isRunning(source) {
            try await baseBackup(of: source, to: server, progress: progress)
        } else {
            // Shut down: its files are consistent.
            try await account(of: source).endOrphans(in: data(source))
            try await copyFiles(of: source, to: server)
        }
        let turnedOff = try await CopyCleanup(
            data: copy(server),
            ownPlace: copy(server),
            postgres: program("postgres", of: source)
        ) {
            script,
            arguments throws(BranchError) in
            try await run("/bin/sh", ["-c", script, "frost"] + arguments, of: server, isTool: true)
        }.run(database: server.databaseName)
        // Like pg_basebackup: the branch's old data is removed once the copy is in its place.
        try await run("initdb", ["--sync-only", "-D", copy(server)], of: server, like: source, isTool: true)
        return turnedOff
    }

    /// Copies the files of a stopped server, as a clone if the file system supports it.
    private func copyFiles(of source: ServerSpec, to server: ServerSpec) async throws(BranchError) {
        let (reader, writer) = (try account(of: source), try account(of: server))
        guard reader.owner != writer.owner else {
            try await run(
                "/bin/cp",
                ["-aT", "--reflink=auto", "--", data(source), copy(server)],
                of: server,
                isTool: true
            )
            return
        }
        // Each accesses only its own files. A shell reports only the last program of a pipe.
        let script = """
            set -eu
            status=$( { { \(reader.command.joined(separator: " ")) tar -C "$1" -cf - --one-file-system . || echo read >&3; } \
                | \(writer.command.joined(separator: " ")) tar -C "$2" -xpf - >&2 || echo write >&3; } 3>&1 )
            [ -z "$status" ]
            """
        try await inPlace(server) { place, _ throws(BranchError) in
            guard mkdirat(place.descriptor, "copy", 0o700) == 0 else { throw HeldDirectory.failure("make", place.path) }
        }
        try await ServerAccount(owner: nil).check(
            "/bin/sh",
            ["-c", script, "frost", data(source), copy(server)],
            toolOf: server.targetID
        )
    }

    private func baseBackup(
        of source: ServerSpec,
        to server: ServerSpec,
        progress: (CopyProgress) -> Void
    ) async throws(BranchError) {
        try await CopySenders.check(source) { query throws(BranchError) in try await psql(source, query) }
        let way = try way(to: source, as: account(of: server))
        // Flushed to disk after its cleanup.
        try await run(
            "pg_basebackup",
            [
                "-D", copy(server), "--checkpoint=fast", "--wal-method=stream", "--no-password", "--no-sync",
                "--progress",
            ]
                + way.options,
            environment: way.environment,
            of: server,
            like: source,
            isTool: true,
            progress: progress
        )
    }

    package func adoptCopy(_ server: ServerSpec) async throws(BranchError) {
        try await inPlace(server) { place, _ throws(BranchError) in
            if try place.kind("copy") != nil {
                // Repeated after a crash, each step finds the result of the previous one.
                if try place.kind("data") != nil {
                    try place.removeTree("old")
                    try place.rename("data", to: "old")
                }
                do throws(BranchError) {
                    try place.rename("copy", to: "data")
                } catch {
                    try? place.rename("old", to: "data")
                    throw error
                }
                try place.sync()
            }
            try place.removeTree("old")
        }
    }

    package func discardCopy(_ server: ServerSpec) async throws(BranchError) {
        try await account.endTools(of: server.targetID)
        try await inPlace(server) { place, _ throws(BranchError) in try place.removeTree("copy") }
    }
}
