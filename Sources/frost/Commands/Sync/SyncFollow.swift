import ArgumentParser
import CertificateKeeper
import Foundation
import Logging
import RouteMap
import RouteSync
import UnixSignals

extension SyncCommand {
    struct Follow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the route map and follow Frost's changes."
        )

        @OptionGroup var place: Place
        @Option(
            help: ArgumentHelp(
                "Keep a CA in DIR/ca, and in DIR/certificates a certificate for each project: the gateway's --cert-dir.",
                valueName: "dir"
            )
        )
        var certificates: String?
        @Flag(help: "Write it once and exit. Exit codes: 0 written, 1 not written, 75 another sync writes it.")
        var once = false

        func run() async throws {
            let sync = FrostDatabaseSync(
                databasePath: place.frostDb,
                routeFile: place.routeFile,
                logger: Logger(label: "sync") { _ in
                    // Including the notice of recovery.
                    var handler = ErrorLogHandler()
                    handler.logLevel = .notice
                    return handler
                },
                cover: cover()
            )
            if once {
                do {
                    let counts = try await sync.writeOnce()
                    print(
                        "\(counts.active) active and \(counts.stopped) stopped branches written to \(place.routeFile)"
                    )
                } catch let error as RouteFileLockError where error.isKept {
                    throw Self.kept(error)
                } catch {
                    ErrorOutput.print("\(error)")
                    throw ExitCode.failure
                }
                return
            }
            let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
            let ended = await Race.run([
                { try await sync.run { ErrorOutput.print(describe($0)) } },
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

        private func cover() -> FrostDatabaseSync.Cover? {
            guard let certificates else { return nil }
            let directory = URL(fileURLWithPath: certificates).standardizedFileURL.path
            var place = CertificatePlace(dataDirectory: directory)
            place.program = "frost sync"
            let kept = RouteCertificates(CertificateKeeper(place) { ErrorOutput.print($0) })
            return { hostnames, areAll in kept.cover(hostnames, areAll: areAll, at: Date.now) }
        }

        /// Of `sysexits.h`: a later retry, such as by a service manager, may succeed.
        private static func kept(_ error: RouteFileLockError) -> ExitCode {
            ErrorOutput.print("\(error)")
            return ExitCode(75)
        }

        private func describe(_ event: FrostDatabaseSync.Event) -> String {
            switch event {
            case .found(let frost): frost.found(in: place.frostDb)
            case .written(let active, let stopped):
                "\(active) active and \(stopped) stopped branches written to \(place.routeFile)"
            }
        }
    }
}
