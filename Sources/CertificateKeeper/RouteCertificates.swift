import BranchManager
package import Foundation
import FrostCertificates
import Synchronization

/// The certificates of a route map that `frost sync` keeps: one for each project in it, of a CA of its own.
///
/// A failure to issue certificates never keeps a map from being written: it is reported and retried.
package final class RouteCertificates: Sendable {
    /// Between two looks at the files while nothing else has changed, in seconds.
    static let lookInterval: TimeInterval = 20

    private struct State {
        var names: Set<String> = []
        var looked: Date?
        var fault: BranchError?
    }

    private let keeper: CertificateKeeper
    private let state = Mutex(State())

    /// - Parameter keeper: whose files nobody else writes.
    package init(_ keeper: CertificateKeeper) {
        self.keeper = keeper
    }

    /// Makes the CA where there has never been one, and issues what is missing or due. Blocking. Calls come one after the
    /// other.
    ///
    /// - Parameters:
    ///   - hostnames: in lower case.
    ///   - areAll: whether certificates of other names are taken away.
    package func cover(_ hostnames: Set<String>, areAll: Bool, at now: Date) {
        // Clients that send no name, or one that nobody has, are shown this one.
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

    /// Whether other names are asked for than the last time, or the files have not been looked at for a while. A clock
    /// that was set back looks as well.
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
