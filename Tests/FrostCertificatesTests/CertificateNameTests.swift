import FrostCertificates
import Testing

@Suite struct CertificateNameTests {}
