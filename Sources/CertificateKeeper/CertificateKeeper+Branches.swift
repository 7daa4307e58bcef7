package import BranchManager
import Foundation
import FrostCertificates
import RouteMap

/// The certificates of a frost's branches.
extension CertificateKeeper {
    /// The required names of a host's certificates.
    package struct Wanted: Hashable, Sendable {
        package var names: Set<String>
        /// Whether these are all: if the route map is unreadable, there may be more.
        package var isComplete: Bool

        /// For every hostname of a branch and every routed one, including former hostnames.
        ///
        /// - Throws: the errors of the store.
        package init(_ store: BranchStore, routeFile: String) throws(BranchError) {
            var hostnames = try store.hostnamesInUse().map(\.hostname)
            isComplete = true
            do throws(RouteMapError) {
                let map = try RouteMapFile.load(path: routeFile)
                hostnames += (map.listedRoutes.map(\.hostname) + map.listedStopped.map(\.hostname)).map(\.name)
            } catch {
                isComplete = error.isMissingFile
            }
            names = CertificateNames.covering(hostnames)
            names.insert(CertificateNames.fallback(base: try store.wildcardBase()?.name))
        }
    }

    /// Interval of checks of the files without other changes; a store in use changes its files all the time.
    private static let lookInterval = Duration.seconds(20)

    /// Follows the store and the route map until the task is cancelled: issues certificates for new names at once, and
    /// renews due ones within half a minute, the poll interval.
    ///
    /// - Parameter changed: called with the changes of each check, if any.
    package func follow(
        _ store: BranchStore,
        routeFile: String,
        changed: @Sendable (Changes) -> Void = { _ in }
    ) async {
        var seen: (version: Int, file: FileIdentity?)?
        var wanted: Wanted?
        var fault: BranchError?
        var looked: ContinuousClock.Instant?
        for await _ in store.changes(besides: routeFile) {
            if Task.isCancelled { return }
            do throws(BranchError) {
                let now = (version: try store.version(), file: FileIdentity(routeFile))
                if seen?.version != now.version || seen?.file != now.file {
                    let next = try Wanted(store, routeFile: routeFile)
                    if next != wanted { looked = nil }
                    (wanted, seen) = (next, now)
                }
                if let looked, .now - looked < Self.lookInterval { continue }
                looked = .now
                guard let wanted else { continue }
                let changes = try keep(wanted.names, removes: wanted.isComplete, at: .now)
                if changes != Changes() { changed(changes) }
                if fault != nil { reportEnd() }
                fault = nil
            } catch {
                // Report the same fault once.
                if error != fault { reportFault(error) }
                fault = error
            }
        }
    }
}
