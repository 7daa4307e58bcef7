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
            Reads Frost's SQLite database and never writes to it. Runs until Ctrl-C. While Frost is stopped, a \
            database in WAL mode can be read only by a user who may write in its directory: SQLite makes its -wal \
            and -shm files there.
            """
    )

    @Option(help: "Frost's database, e.g. /opt/frost/data/frost.db.") var frostDb: String
    @Option(help: "The route map to write.") var routeFile: String
    @Flag(help: "Write it once and end.") var once = false

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
            } catch {
                Complaint.print("\(error)")
                throw ExitCode.failure
            }
            return
        }
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await sync.run { active, stopped in
                    Complaint.print("\(active) active and \(stopped) stopped branches written to \(routeFile)")
                }
            }
            group.addTask {
                for await _ in signals { return }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
