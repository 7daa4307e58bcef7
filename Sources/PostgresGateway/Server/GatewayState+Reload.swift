package import Foundation
import GatewayContract
import GatewayCore
import Logging

extension GatewayState {
    /// Reads the certificates again. What cannot be used leaves what was in force in its place.
    /// Sessions keep what they began with. Blocking, never on an event loop.
    ///
    /// - Parameter isForced: reads them whether they have changed or not.
    package func reloadCertificates(isForced: Bool) {
        switch isForced ? certificates.reload() : certificates.reloadIfChanged() {
        case .unchanged, .settling:
            break
        case .loaded(let table):
            certificateReloads.count(.loaded)
            logger.info("certificates loaded", metadata: .init([.certificates: String(table.pairs.count)]))
            warnOfCertificateDates()
        case .failed(let faults):
            certificateReloads.count(.failed)
            for fault in faults {
                logger.error("certificate not loaded; the one in force stays", metadata: .init([.error: "\(fault)"]))
            }
        }
    }

    /// Logs that the connections that are allowed need more files than the process may open.
    package func warnOfFileDescriptors(limit: Int) {
        let needed = FileDescriptorLimit.needed(forConnections: configuration.maxConnections)
        guard limit < needed else { return }
        logger.warning(
            """
            \(configuration.maxConnections) connections need \(needed) open files, but \(limit) are allowed; \
            raise LimitNOFILE= (ulimit -n) or lower \(GatewayVariable.maxConnections.environmentName)
            """
        )
    }

    /// Logs which certificates are left out since they could not be read at the start.
    package func reportCertificateFaults() {
        for fault in certificates.faults {
            logger.error("certificate not loaded; its names get another", metadata: .init([.error: "\(fault)"]))
        }
    }

    /// Logs which certificates are out of date, or soon will be.
    package func warnOfCertificateDates(at now: Date = .now) {
        for pair in certificates.current.pairs {
            if let finding = Readiness.Finding(pair, at: now) {
                logger.warning(
                    "certificate",
                    metadata: .init([.reason: finding.code.rawValue, .error: finding.message])
                )
            }
        }
    }
}
