import Foundation
import RouteMap
import SwiftASN1
import TestSupport
import Testing
import X509

@testable import FrostCertificates

@Suite struct CertificateNameTests {
    @Test("A name for each wildcard: projects and bases, whatever gave the hostnames")
    func names() {
        let hostnames = [
            "main.pg.shop.example.net", "dev.pg.shop.example.net", "main.pg.crm.example.net", "dev.pg.shop.old.org",
            "example.net", "localhost",
        ]
        #expect(
            CertificateNames.covering(hostnames)
                == ["*.pg.shop.example.net", "*.pg.crm.example.net", "*.pg.shop.old.org", "example.net", "localhost"]
        )
        #expect(CertificateNames.covering([]).isEmpty)
        #expect(CertificateNames.fileStem(of: "*.pg.shop.example.net") == "wildcard_.pg.shop.example.net")
        #expect(CertificateNames.fileStem(of: "pg.example.net") == "pg.example.net")
        #expect(CertificateNames.fallback(base: "example.net") == "pg.example.net")
    }

    @Test("Whatever projects and bases are called, the certificates cover every hostname", arguments: 0..<40)
    func covered(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let authority = try CertificateAuthority.make(for: "", at: .now)
        let base = try Self.base(&generator)
        let requests = (0..<12).map { number in
            HostnameBuilder.Request(
                targetID: "dbt_\(number)",
                target: Self.text(&generator),
                database: Self.text(&generator),
                projectID: "proj_\(number / 4)",
                project: Self.text(&generator)
            )
        }
        let hostnames = try HostnameBuilder.names(for: requests, base: base).values.map(\.name)
        var covered: Set<String> = []
        for name in CertificateNames.covering(hostnames) {
            let leaf = try Certificate(pemEncoded: authority.issue(name, at: .now).certificatePEM)
            covered.formUnion(leaf.dnsNames)
            // A file of this name can be made.
            #expect(CertificateNames.fileStem(of: name).utf8.count + ".crt".utf8.count + "..new".utf8.count <= 255)
        }
        for hostname in hostnames {
            let wildcard = "*.\(hostname.split(separator: ".").dropFirst().joined(separator: "."))"
            #expect(covered.contains(wildcard), "\(hostname) of \(base)")
        }
    }

    /// Of any length that leaves room for two labels.
    private static func base(_ generator: inout SplitMix64) throws -> Hostname {
        let length = Int.random(in: 1...HostnameBuilder.maximumBaseLength, using: &generator)
        var labels: [String] = []
        var left = length
        while left > 0 {
            let size = Int.random(in: 1...min(left, Hostname.maximumLabelLength), using: &generator)
            labels.append(String(repeating: "b", count: size))
            left -= size + 1
        }
        return try Hostname(labels.joined(separator: "."))
    }

    private static func text(_ generator: inout SplitMix64) -> String {
        let alphabet = Array("abcz09-_ .\u{e9}\u{df}\u{4e2d}\u{1F4BE}")
        let length = Int.random(in: 1...90, using: &generator)
        return String((0..<length).map { _ in alphabet[Int.random(in: alphabet.indices, using: &generator)] })
    }
}
