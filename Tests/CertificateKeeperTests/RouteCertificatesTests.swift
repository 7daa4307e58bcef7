import CertificateKeeper
import Foundation
import TestSupport
import Testing

/// The certificates of a route map that `frost sync` keeps.
@Suite struct RouteCertificatesTests {
    private let start = Date.now
    private let fallback: Set = ["pg.localhost.crt", "pg.localhost.key"]

    private func pair(_ project: String) -> Set<String> {
        ["wildcard_.pg.\(project).example.net.crt", "wildcard_.pg.\(project).example.net.key"]
    }

    @Test("One for each project, and one for strangers; those of other names go only where nothing else is routed")
    func names() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        let certificates = RouteCertificates(host.keeper)
        certificates.cover([], areAll: false, at: start)
        #expect(host.names == fallback)
        certificates.cover(["dev.pg.shop.example.net", "main.pg.shop.example.net"], areAll: true, at: start)
        #expect(host.names == fallback.union(pair("shop")))
        certificates.cover(["main.pg.crm.example.net", "main.pg.shop.example.net"], areAll: false, at: start)
        certificates.cover(["main.pg.crm.example.net"], areAll: false, at: start)
        #expect(host.names == fallback.union(pair("shop")).union(pair("crm")))
        certificates.cover(["main.pg.crm.example.net"], areAll: true, at: start)
        #expect(host.names == fallback.union(pair("crm")))
        // No wildcard domain: nobody has a name, and a gateway can still start.
        certificates.cover([], areAll: true, at: start)
        #expect(host.names == fallback)
        #expect(host.told.count == 1, "the CA is made once: \(host.told)")
    }

    @Test(
        "The files are looked at again after a while, and by a clock that was set back; not at each call",
        arguments: [(0.5, false), (19, false), (21, true), (-5, true)]
    )
    func looks(seconds: Double, isMended: Bool) throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        let certificates = RouteCertificates(host.keeper)
        certificates.cover([], areAll: true, at: start)
        let file = "\(host.place.pairs)/pg.localhost.key"
        try FileManager.default.removeItem(atPath: file)
        certificates.cover([], areAll: true, at: start.addingTimeInterval(seconds))
        #expect(FileManager.default.fileExists(atPath: file) == isMended)
    }

    @Test("A certificate is renewed when two thirds of its life are over, by the same CA")
    func renewal() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        let certificates = RouteCertificates(host.keeper)
        certificates.cover(["main.pg.shop.example.net"], areAll: true, at: start)
        let first = host.files()
        certificates.cover(["main.pg.shop.example.net"], areAll: true, at: start.addingTimeInterval(59 * 86_400))
        #expect(host.files() == first)
        certificates.cover(["main.pg.shop.example.net"], areAll: true, at: start.addingTimeInterval(61 * 86_400))
        let second = host.files()
        #expect(second["ca/ca.crt"] == first["ca/ca.crt"])
        for name in host.names { #expect(second["certificates/\(name)"] != first["certificates/\(name)"], "\(name)") }
    }

    @Test("A CA that is lost is told once, with what to do, and so is its end; certificates that are there stay")
    func lost() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        let certificates = RouteCertificates(host.keeper)
        let hostnames: Set = ["main.pg.shop.example.net"]
        certificates.cover(hostnames, areAll: true, at: start)
        let key = try Data(contentsOf: URL(filePath: host.place.keyFile))
        let before = host.names
        for lost in [host.place.keyFile, host.place.certificateFile] {
            try FileManager.default.moveItem(atPath: lost, toPath: "\(lost).away")
            let told = host.told.count
            for seconds in [30.0, 60, 90] {
                certificates.cover(
                    hostnames.union(["main.pg.crm.example.net"]),
                    areAll: true,
                    at: start.addingTimeInterval(seconds)
                )
            }
            #expect(host.names == before)
            #expect(host.told.count == told + 1 && host.told.last?.contains(lost) == true, "\(host.told)")
            try FileManager.default.moveItem(atPath: "\(lost).away", toPath: lost)
            certificates.cover(hostnames, areAll: true, at: start.addingTimeInterval(120))
            #expect(host.told.count == told + 2 && host.told.last?.contains("again") == true, "\(host.told)")
        }
        #expect(try Data(contentsOf: URL(filePath: host.place.keyFile)) == key)
    }

    @Test("In a directory whose files take its group, that group may read the keys")
    func sharedDirectory() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        try FileManager.default.createDirectory(atPath: host.place.pairs, withIntermediateDirectories: false)
        try FileManager.default.setAttributes([.posixPermissions: 0o2750], ofItemAtPath: host.place.pairs)
        RouteCertificates(host.keeper).cover([], areAll: true, at: start)
        #expect(host.mode("\(host.place.pairs)/pg.localhost.key") == 0o640)
        #expect(host.mode(host.place.keyFile) == 0o600)
    }
}
