import ArgumentParser
import Logging
import RouteSync

extension SyncCommand {
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say which Frost this is and what would be routed, and write nothing.",
            discussion: """
                What keeps branches from being routed goes to standard error, one line each. Exit codes: 0 frost sync \
                can keep a route map of it, 1 it cannot.
                """
        )

        @OptionGroup var place: Place

        func run() async throws {
            let sync = FrostDatabaseSync(
                databasePath: place.frostDb,
                routeFile: place.routeFile,
                logger: Logger(label: "sync") { _ in ComplaintLogHandler() }
            )
            do {
                let outlook = try await sync.outlook()
                print(outlook.installation.found(in: place.frostDb))
                print("\(outlook.active) active and \(outlook.stopped) stopped branches for \(place.routeFile)")
                for problem in outlook.problems { Complaint.print("warning: \(problem)") }
            } catch {
                Complaint.print("\(error)")
                throw ExitCode.failure
            }
        }
    }
}
