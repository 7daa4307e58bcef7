import Crypto
import Foundation
import Testing

@testable import FrostCertificates

@Suite struct CertificateStandingTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)
    private let name = "*.pg.shop.example.net"

    @Test("Renewed when two thirds of its life are over, and not before")
    func due() throws {
        let authority = try CertificateAuthority.make(for: "", at: now)
        let issued = try authority.issue(name, at: now)
        func standing(_ days: Double) -> CertificateStanding {
            authority.standing(
                certificatePEM: issued.certificatePEM,
                keyPEM: issued.keyPEM,
                name: name,
                at: now.addingTimeInterval(days * 86_400)
            )
        }
        guard case .good(let due) = standing(0) else {
            Issue.record("\(standing(0))")
            return
        }
        let days = due.timeIntervalSince(now) / 86_400
        #expect((59.9...60).contains(days), "\(days)")
        #expect(standing(days - 0.01) == .good(until: due))
        #expect(standing(days) == .reissue(.due))
        #expect(standing(200) == .reissue(.due))
        #expect(standing(-1) == .reissue(.early))
    }

    @Test("Issued again when a file is lost or damaged, or belongs to another name, key or CA")
    func others() throws {
        let authority = try CertificateAuthority.make(for: "", at: now)
        let other = try CertificateAuthority.make(for: "", at: now)
        let issued = try authority.issue(name, at: now)
        let second = try authority.issue(name, at: now)
        let foreign = try other.issue(name, at: now)
        for (certificate, key, asked, reason) in [
            (nil, issued.keyPEM, name, ReissueReason.unreadable), (issued.certificatePEM, nil, name, .unreadable),
            ("x", issued.keyPEM, name, .unreadable),
            (issued.certificatePEM, String(issued.keyPEM.prefix(90)), name, .unreadable),
            (issued.certificatePEM, second.keyPEM, name, .key),
            (foreign.certificatePEM, foreign.keyPEM, name, .authority),
            (issued.certificatePEM, issued.keyPEM, "*.pg.shop.example.org", .names),
        ] as [(String?, String?, String, ReissueReason)] {
            let standing = authority.standing(certificatePEM: certificate, keyPEM: key, name: asked, at: now)
            #expect(standing == .reissue(reason))
        }
    }

    @Test("One that lasts as long as the CA is not issued over and over at the CA's end")
    func end() throws {
        let authority = try CertificateAuthority.make(for: "", at: now)
        let late = authority.notAfter.addingTimeInterval(-86_400)
        let issued = try authority.issue(name, at: late)
        let standing = authority.standing(
            certificatePEM: issued.certificatePEM,
            keyPEM: issued.keyPEM,
            name: name,
            at: authority.notAfter.addingTimeInterval(-60)
        )
        #expect(standing == .good(until: authority.notAfter))
    }
}
