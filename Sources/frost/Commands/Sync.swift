import ArgumentParser
import Logging
import RouteMap
import RouteSync
import UnixSignals

/// `frost sync`
struct Sync: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the route map of a Frost that is installed already, and follow its changes.",
        discussion: """
            Reads Frost's SQLite database and never writes to it. Runs until Ctrl-C. The gateway trusts the map for \
            five minutes after sync has ended. While Frost is stopped, a database in WAL mode can be read only by a \
            user who may write in its directory: SQLite makes its -wal and -shm files there.

            Ends with 75 when another frost sync keeps the same route map.
            """
    )

    @Option(help: "Frost's database, e.g. /opt/frost/data/frost.db.") var frostDb: String
    @Option(help: "The route map to write; names that were given are kept beside it, in FILE.names.")
    var routeFile: String
    @Flag(help: "Write it once and end. Exit codes: 0 written, 1 not written, 75 another sync keeps it.") var once =
        false

    func run() async throws {
        let sync = FrostDatabaseSync(
            databasePath: frostDb,
            routeFile: routeFile,
            logger: Logger(label: "sync") { _ in
                // With the notice that a fault is over.
                var handler = ComplaintLogHandler()
                handler.logLevel = .notice
                return handler
            }
        )
        if once {
            do {
                let counts = try await sync.writeOnce()
                print("\(counts.active) active and \(counts.stopped) stopped branches written to \(routeFile)")
            } catch let error as RouteFileLockError where error.isKept {
                throw Self.kept(error)
            } catch {
                Complaint.print("\(error)")
                throw ExitCode.failure
            }
            return
        }
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let ended = await Race.run([
            { try await sync.run { Complaint.print(describe($0)) } },
            {
                for await _ in signals { return }
            },
        ])
        do {
            try ended.get()
        } catch let error as RouteFileLockError {
            throw Self.kept(error)
        }
    }

    /// Of `sysexits.h`: tried again later, as a service manager does, it may keep the map.
    private static func kept(_ error: RouteFileLockError) -> ExitCode {
        Complaint.print("\(error)")
        return ExitCode(75)
    }

    private func describe(_ event: FrostDatabaseSync.Event) -> String {
        switch event {
        case .found(let frost):
            "found Frost in \(frostDb): last migration \(frost.migration ?? "unknown"), "
                + "\(frost.projects) projects, \(frost.branches) PostgreSQL branches"
        case .written(let active, let stopped):
            "\(active) active and \(stopped) stopped branches written to \(routeFile)"
        }
    }
}
