import GatewayHardening
import PostgresGateway

extension TestGateway {
    /// One that looks at this gateway's certificates when it is told to.
    var certificateReloader: CertificateReloader {
        CertificateReloader(server.certificates, outcomes: server.metrics.certificateReloads, logger: server.logger)
    }
}
