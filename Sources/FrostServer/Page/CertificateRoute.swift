import HTTPTypes
import Hummingbird

/// `/ca.crt`: the certificate of frost's own CA, open to everyone.
enum CertificateRoute {
    /// Served as a download. With `application/x-x509-ca-cert`, browsers would offer to trust the CA for web sites.
    private static let type = "application/x-pem-file"
    private static let missing =
        "The gateway uses the operator's certificates, so frost has no CA to download. Ask for the CA that issued "
        + "them; a public CA needs no file (sslrootcert=system).\n"

    static func add(to router: Router<ServerContext>, _ authority: CertificateAuthorityInfo?) {
        router.get(RouterPath(CertificateAuthorityInfo.path)) { _, _ in response(authority) }
    }

    private static func response(_ authority: CertificateAuthorityInfo?) -> Response {
        guard let authority else {
            return Response(
                status: .notFound,
                headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
                body: .init(byteBuffer: .init(string: missing))
            )
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: type, .cacheControl: "no-store",
                .contentDisposition: "attachment; filename=\"\(CertificateAuthorityInfo.fileName)\"",
            ],
            body: .init(byteBuffer: .init(string: authority.pem))
        )
    }
}
