import Foundation
package import GatewayContract
import Synchronization

/// The current certificate table, and the files it came from.
///
/// Readers take a snapshot. A pair is exchanged only when both files parse and fit each other; until
/// then the old one stays.
package final class CertificateStore: Sendable {
    /// The result of checking the files.
    package enum Reload: Sendable {
        case unchanged
        /// They have changed since the last look; they are read when they are the same at the next,
        /// so that files that are being written are not read half.
        case settling
        case loaded(CertificateTable)
        /// Files that could not be read; the previous pairs stay in effect.
        case failed([ConfigurationError])
    }

    private struct State {
        var table: CertificateTable
        var faults: [ConfigurationError] = []
        /// The files as they were when they were last read.
        var read: [String: FileFingerprint]
        /// The files as they were at the last look.
        var seen: [String: FileFingerprint]
        /// Looks since something could not be read.
        var checksSinceFault = 0
        /// Counts the tables that came into force.
        var generation = 0
    }

    /// The coverage of one table of routes by one of certificates.
    private struct Coverage {
        var generation: Int
        var routesLoadedAt: Date?
        var uncovered: SessionsDocument.Uncovered
    }

    /// Retry unreadable files after this many checks, even if unchanged: a process
    /// that has no file descriptor left, say, will have some again.
    static let checksBetweenRetries = 15

    private let source: GatewayConfiguration.Certificates
    private let state: Mutex<State>
    private let coverage = Mutex<Coverage?>(nil)

    /// Reads the files for the first time. Blocking.
    ///
    /// One bad pair in a directory does not stop the others: it is left out and listed in ``faults``.
    ///
    /// - Throws: ``ConfigurationError`` that names the file at fault when there is no pair at all, or
    ///   none for names that have none of their own.
    package init(_ source: GatewayConfiguration.Certificates) throws(ConfigurationError) {
        self.source = source
        let files = Self.fingerprints(source)
        var faults: [ConfigurationError] = []
        let table = try CertificateTable.load(source, faults: &faults)
        state = Mutex(State(table: table, faults: faults, read: files, seen: files))
    }

    package var current: CertificateTable { state.withLock { $0.table } }

    /// What could not be read at the last try; empty when all is well.
    package var faults: [ConfigurationError] { state.withLock { $0.faults } }

    /// The hostnames of the route map in force that no certificate covers: looked up anew when either has changed.
    package func uncovered(in routes: RouteStore) -> SessionsDocument.Uncovered {
        let (table, generation) = state.withLock { ($0.table, $0.generation) }
        // Before the routes themselves: newer ones under an older date are looked up again the next time.
        let loadedAt = routes.loadedAt
        if let known = coverage.withLock({ $0 }), known.generation == generation, known.routesLoadedAt == loadedAt {
            return known.uncovered
        }
        let uncovered = table.uncovered(in: routes.current)
        coverage.withLock { $0 = Coverage(generation: generation, routesLoadedAt: loadedAt, uncovered: uncovered) }
        return uncovered
    }

    /// Looks whether the files have changed, and reads them if so. Blocking; one at a time
    /// (``CertificateReloader``).
    package func reloadIfChanged() -> Reload {
        let files = Self.fingerprints(source)
        let known = faults.map(\.description)
        let mustRead: Reload? = state.withLock { state in
            defer { state.seen = files }
            if files == state.read {
                guard !state.faults.isEmpty else { return .unchanged }
                state.checksSinceFault += 1
                return state.checksSinceFault < Self.checksBetweenRetries ? .unchanged : nil
            }
            return files == state.seen ? nil : .settling
        }
        if let mustRead { return mustRead }
        let isRetry = state.withLock { $0.read == files }
        let outcome = reload()
        // Do not report the same error for unchanged files twice.
        if isRetry, case .failed(let faults) = outcome, faults.map(\.description) == known { return .unchanged }
        return outcome
    }

    /// Reads the files, changed or not. Blocking; one at a time
    /// (``CertificateReloader``).
    package func reload() -> Reload {
        // Taken before the files are read, so that a concurrent write counts as a change.
        let files = Self.fingerprints(source)
        let previous = current
        var faults: [ConfigurationError] = []
        var table = previous
        do {
            table = try CertificateTable.load(source, keeping: previous, faults: &faults)
        } catch {
            faults = [error]
        }
        state.withLock { state in
            state = State(
                table: table,
                faults: faults,
                read: files,
                seen: files,
                generation: state.generation + 1
            )
        }
        return faults.isEmpty ? .loaded(table) : .failed(faults)
    }

    private static func fingerprints(_ source: GatewayConfiguration.Certificates) -> [String: FileFingerprint] {
        var paths: [String] = []
        switch source {
        case .pair(let certFile, let keyFile):
            paths = [certFile, keyFile]
        case .directory(let directory, let pair):
            if let pair { paths = [pair.certFile, pair.keyFile] }
            // An unreadable directory looks like an empty one; reading it reports the error.
            let entries = (try? CertificateDirectory.entries(directory)) ?? []
            paths += entries.flatMap { [$0.source.certFile, $0.source.keyFile] }
        }
        return Dictionary(paths.map { ($0, FileFingerprint(path: $0)) }) { first, _ in first }
    }
}
