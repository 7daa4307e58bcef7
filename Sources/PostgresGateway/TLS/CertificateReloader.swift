package import Foundation
package import GatewayContract
package import GatewayHardening
package import Logging

/// Reloads changed certificates: one check at a time, off the event loops and the cooperative pool.
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

    /// Reloads the certificates. An invalid file is ignored; the previous version stays in effect.
    /// Sessions keep the certificate they began with.
    ///
    /// - Parameter isForced: reload even if the files have not changed.
    /// - Returns: whether the files have changed and may be changing still, so that another look is due soon.
    @discardableResult
    package func reload(isForced: Bool) -> Bool {
        switch isForced ? store.reload() : store.reloadIfChanged() {
        case .unchanged:
            break
        case .settling:
            return true
        case .loaded(let table):
            outcomes.count(.loaded)
            logger.info("certificates loaded", metadata: .init([.certificates: String(table.pairs.count)]))
            warn()
        case .failed(let faults):
            outcomes.count(.failed)
            for fault in faults {
                logger.error(
                    "could not load certificate; the previous one stays in effect",
                    metadata: .init([.error: "\(fault)"])
                )
            }
        }
        return false
    }

    /// Logs which certificates are left out since they could not be read at the start.
    package func reportFaults() {
        for fault in store.faults {
            logger.error(
                "could not load certificate; its hostnames get another one",
                metadata: .init([.error: "\(fault)"])
            )
        }
    }

    /// Logs which certificates are out of date, soon will be, or are not for the name that their file has.
    package func warn(at now: Date = .now) {
        for finding in Readiness.Finding.certificates(store.current, at: now) {
            logger.warning("certificate", metadata: .init([.reason: finding.code.rawValue, .error: finding.message]))
        }
    }
}
