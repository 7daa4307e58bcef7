import ArgumentParser
import Logging
import RouteSync

extension SyncCommand {
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the Frost installation and the branches to route, without writing.",
            discussion: """
                Prints problems that keep branches from being routed on standard error, one line each. Exit codes: 0 frost \
                sync can write its route map, 1 it cannot.
                """
        )

        @OptionGroup var place: Place

        func run() async throws {
            let sync = FrostDatabaseSync(
                databasePath: place.frostDb,
                routeFile: place.routeFile,
                logger: Logger(label: "sync") { _ in ErrorLogHandler() }
            )
            do {
                let outlook = try await sync.outlook()
                print(outlook.installation.found(in: place.frostDb))
                print("\(outlook.active) active and \(outlook.stopped) stopped branches for \(place.routeFile)")
                for problem in outlook.problems { ErrorOutput.print("warning: \(problem)") }
            } catch {
                ErrorOutput.print("\(error)")
                throw ExitCode.failure
            }
        }
    }
}
