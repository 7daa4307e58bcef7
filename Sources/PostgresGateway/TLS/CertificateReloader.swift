package import Foundation
package import GatewayCore
package import GatewayHardening
package import Logging

/// Puts changed certificates in force, whoever asks for it: one look at a time, off all threads that others need.
package actor CertificateReloader {
    private let store: CertificateStore
    private let outcomes: LabelledCounter<ReloadOutcome>
    private let logger: Logger
    private let queue = BlockingQueue("certificates")

    /// - Parameter outcomes: counts the reloads that led to something.
    package init(_ store: CertificateStore, outcomes: LabelledCounter<ReloadOutcome>, logger: Logger) {
        self.store = store
        self.outcomes = outcomes
        self.logger = logger
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    /// Reads the certificates again. What cannot be used leaves what was in force in its place.
    /// Sessions keep what they began with.
    ///
    /// - Parameter isForced: reads them whether they have changed or not.
    package func reload(isForced: Bool) {
        switch isForced ? store.reload() : store.reloadIfChanged() {
        case .unchanged, .settling:
            break
        case .loaded(let table):
            outcomes.count(.loaded)
            logger.info("certificates loaded", metadata: .init([.certificates: String(table.pairs.count)]))
            warn()
        case .failed(let faults):
            outcomes.count(.failed)
            for fault in faults {
                logger.error("certificate not loaded; the one in force stays", metadata: .init([.error: "\(fault)"]))
            }
        }
    }

    /// Logs which certificates are left out since they could not be read at the start.
    package func reportFaults() {
        for fault in store.faults {
            logger.error("certificate not loaded; its names get another", metadata: .init([.error: "\(fault)"]))
        }
    }

    /// Logs which certificates are out of date, soon will be, or are not for the name that their file has.
    package func warn(at now: Date = .now) {
        for finding in Readiness.Finding.certificates(store.current, at: now) {
            logger.warning("certificate", metadata: .init([.reason: finding.code.rawValue, .error: finding.message]))
        }
    }
}
