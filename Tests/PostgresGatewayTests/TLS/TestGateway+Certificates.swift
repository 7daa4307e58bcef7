import PostgresGateway

extension TestGateway {
    /// One that looks at this gateway's certificates when it is told to.
    var certificateReloader: CertificateReloader {
        CertificateReloader(state.certificates, outcomes: state.certificateReloads, logger: state.logger)
    }
}
