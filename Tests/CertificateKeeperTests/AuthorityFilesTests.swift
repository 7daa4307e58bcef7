import BranchManager
import Foundation
import FrostCertificates
import TestSupport
import Testing

@testable import CertificateKeeper

/// The CA's two files: made once, and never again without anybody having asked for it.
@Suite struct AuthorityFilesTests {
    @Test("Made once, the key for its owner alone; the next start has the same")
    func made() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        let first = try host.keeper.open(at: .now)
        #expect(host.mode(host.place.keyFile) == 0o600)
        #expect(host.mode(host.place.certificateFile) == 0o644)
        #expect(host.mode(host.place.authority) == 0o755)
        #expect(try host.again().open(at: .now).certificate.fingerprint == first.certificate.fingerprint)
        #expect(host.told.count == 1 && host.told[0].contains(host.place.certificateFile), "\(host.told)")
    }

    @Test("What a crash has left half made is thrown away")
    func crash() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        try FileManager.default.createDirectory(atPath: host.place.newAuthority, withIntermediateDirectories: false)
        try Data("half".utf8).write(to: URL(fileURLWithPath: "\(host.place.newAuthority)/ca.key"))
        try host.keeper.open(at: .now)
        #expect(!FileManager.default.fileExists(atPath: host.place.newAuthority))
    }

    @Test(
        "One file of the two lost or damaged: told with its name and what to do, and nothing is made",
        arguments: ["ca.key", "ca.crt"],
        [nil, "", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "other"]
    )
    func lost(file: String, content: String?) throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        try host.keeper.open(at: .now)
        _ = try host.keeper.keep(["*.pg.shop.example.net"], removes: true, at: .now)
        let path = "\(host.place.authority)/\(file)"
        if content == "other" {
            let other = try CertificateAuthority.make(for: "", at: .now)
            let text = file == "ca.key" ? other.keyPEM : try other.certificatePEM()
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        } else if let content {
            try content.write(toFile: path, atomically: true, encoding: .utf8)
        } else {
            try FileManager.default.removeItem(atPath: path)
        }
        let before = host.files()
        for keeper in [host.keeper, host.again()] {
            let fault = #expect(throws: BranchError.self) { try keeper.open(at: .now) }
            let text = fault?.description ?? ""
            #expect(
                text.contains(path) && text.contains("restore") && text.contains("remove \(host.place.authority)"),
                "\(text)"
            )
            #expect(throws: BranchError.self) { try keeper.keep(["*.pg.crm.example.net"], removes: true, at: .now) }
        }
        #expect(host.files() == before)
    }

    @Test("The whole CA lost, while what it has issued is there: told, and no other is made until that is taken away")
    func allLost() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        let first = try host.keeper.open(at: .now)
        _ = try host.keeper.keep(["*.pg.shop.example.net"], removes: true, at: .now)
        try FileManager.default.removeItem(atPath: host.place.authority)
        let fault = #expect(throws: BranchError.self) { try host.again().open(at: .now) }
        #expect(fault?.description.contains("\(host.place.authority), is missing") == true)
        try FileManager.default.removeItem(atPath: host.place.pairs)
        #expect(try host.again().open(at: .now).certificate.fingerprint != first.certificate.fingerprint)
    }

    @Test("A key that others can read is told once, and used all the same")
    func openKey() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        try host.keeper.open(at: .now)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: host.place.keyFile)
        for _ in 0..<2 { _ = try host.keeper.keep(["*.pg.shop.example.net"], removes: true, at: .now) }
        #expect(host.told.count == 2 && host.told[1].contains("chmod 600 \(host.place.keyFile)"), "\(host.told)")
    }

    @Test("Told once in the last 90 days, and an error when it is over")
    func end() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        let authority = try host.keeper.open(at: .now)
        let names: Set = ["*.pg.shop.example.net"]
        _ = try host.keeper.keep(names, removes: true, at: authority.notAfter.addingTimeInterval(-91 * 86_400))
        #expect(host.told.count == 1)
        for days in [89, 30, 1] {
            let now = authority.notAfter.addingTimeInterval(-Double(days) * 86_400)
            _ = try host.keeper.keep(names, removes: true, at: now)
        }
        #expect(host.told.count == 2 && host.told[1].contains("expires on"), "\(host.told)")
        let fault = #expect(throws: BranchError.self) {
            try host.keeper.keep(names, removes: true, at: authority.notAfter)
        }
        #expect(fault?.description.contains("expired on") == true)
    }
}
