import BranchManager
package import Foundation
import FrostCertificates
import Synchronization

/// The certificates for a route map of `frost sync`: one for each project, issued by its own CA.
///
/// A failure to issue certificates never keeps a map from being written: it is reported and retried.
package final class RouteCertificates: Sendable {
    /// Interval of checks of the files without other changes, in seconds.
    static let lookInterval: TimeInterval = 20

    private struct State {
        var names: Set<String> = []
        var looked: Date?
        var fault: BranchError?
    }

    private let keeper: CertificateKeeper
    private let state = Mutex(State())

    /// - Parameter keeper: the only writer of its files.
    package init(_ keeper: CertificateKeeper) {
        self.keeper = keeper
    }

    /// Creates the CA if there never was one, and issues missing and due certificates. Blocking. Calls must not
    /// overlap.
    ///
    /// - Parameters:
    ///   - hostnames: in lower case.
    ///   - areAll: whether to remove certificates of other names.
    package func cover(_ hostnames: Set<String>, areAll: Bool, at now: Date) {
        // The certificate for clients without a known hostname.
        let names = CertificateNames.covering(hostnames).union([CertificateNames.fallback(base: nil)])
        guard isDue(names, areAll, at: now) else { return }
        do throws(BranchError) {
            try keeper.open(at: now)
            _ = try keeper.keep(names, removes: areAll, at: now)
            let isOver = state.withLock { state in
                defer { state.fault = nil }
                return state.fault != nil
            }
            if isOver { keeper.reportEnd() }
        } catch {
            let isNew = state.withLock { state in
                defer { state.fault = error }
                return state.fault != error
            }
            if isNew { keeper.reportFault(error) }
        }
    }

    /// Whether the names have changed since the last time, or the files have not been checked for a while. Also checks
    /// after the clock was set back.
    private func isDue(_ names: Set<String>, _ areAll: Bool, at now: Date) -> Bool {
        state.withLock { state in
            let isKnown = areAll ? state.names == names : state.names.isSuperset(of: names)
            let isRecent = state.looked.map { (0..<Self.lookInterval).contains(now.timeIntervalSince($0)) } ?? false
            guard !isKnown || !isRecent else { return false }
            (state.names, state.looked) = (names, now)
            return true
        }
    }
}
