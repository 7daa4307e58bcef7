import Foundation
import GatewayContract
import GatewayCore
import GatewayHardening
import NIOCore
import PostgresGateway
import TestSupport
import Testing

@Suite struct CertificateReloadTests {
    @Test("A session goes on with the certificate it began with; the next one gets the new")
    func reload() async throws {
        let directory = try TemporaryDirectory("reload")
        defer { directory.remove() }
        let pair = try await SelfSignedCertificate.make(in: directory, for: ["*.pg.shop.example.net"])
        let backend = try RawListener()
        let configure: (inout GatewayConfiguration) -> Void = {
            $0.certificates = .pair(certFile: pair.certFile, keyFile: pair.keyFile)
        }
        try await TestGateway.run(backend: backend, configure: configure) { gateway in
            let before = try gateway.connectTLS()
            let old = before.certificateFingerprint
            try before.write(ByteBuffer.startup().bytes)
            let server = try backend.accept()
            _ = try server.receive()

            _ = try await SelfSignedCertificate.make(in: directory, for: ["*.pg.shop.example.net"])
            let reloader = gateway.certificateReloader
            #expect(await reloader.reload(isForced: false), "it is to be looked at again soon")
            #expect(await !reloader.reload(isForced: false))
            #expect(gateway.server.metrics.certificateReloads[.loaded] == 1)

            try server.send(Array("still here".utf8))
            #expect(try before.read(count: 10) == Array("still here".utf8))
            #expect(try gateway.connectTLS().certificateFingerprint != old)
        }
    }
}
