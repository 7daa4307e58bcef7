import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import FrostServer

@Suite struct CertificateRouteTests {
    @Test("Anybody gets the certificate of the own CA, as a file to save")
    func certificate() async throws {
        let pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
        let authority = CertificateAuthorityInfo(
            pem: pem,
            fingerprint: "00",
            notAfter: .distantFuture,
            file: "/var/lib/frost/ca/ca.crt"
        )
        try await APIHost.run(certificateAuthority: authority) { host in
            let (status, fields, text) = try await Self.get(host, "/ca.crt")
            #expect(status == 200 && text == pem)
            #expect(fields["content-type"] == "application/x-pem-file")
            #expect(fields["content-disposition"] == "attachment; filename=\"frost-ca.crt\"")
            #expect(fields["x-content-type-options"] == "nosniff")
        }
    }

    @Test("With certificates of the operator's there is none, in a sentence with what to do")
    func none() async throws {
        try await APIHost.run { host in
            let (status, fields, text) = try await Self.get(host, "/ca.crt")
            #expect(status == 404 && fields["content-type"] == "text/plain; charset=utf-8")
            #expect(text.contains("the CA that issued them"))
        }
    }

    private static func get(_ host: APIHost, _ path: String) async throws -> (Int, [String: String], String) {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(host.port)\(path)")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 64 * 1_024)
        let fields = response.headers.map { ($0.name.lowercased(), $0.value) }
        return (
            Int(response.status.code), Dictionary(fields) { first, _ in first },
            String(decoding: body.readableBytesView, as: UTF8.self)
        )
    }
}
