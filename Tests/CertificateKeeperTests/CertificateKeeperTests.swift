import BranchManager
import Foundation
import FrostCertificates
import RouteMap
import TestSupport
import Testing

@testable import CertificateKeeper

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@Suite struct CertificateKeeperTests {
    private let shop = "*.pg.shop.example.net"
    private let crm = "*.pg.crm.example.net"

    @Test("A pair for each name, and no other; nothing is written that is there")
    func pairs() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        try host.keeper.open(at: .now)
        var changes = try host.keeper.keep([shop, "pg.example.net"], removes: true, at: .now)
        #expect(changes.issued == [shop: .unreadable, "pg.example.net": .unreadable] && changes.removed.isEmpty)
        let names: Set = [
            "wildcard_.pg.shop.example.net.crt", "wildcard_.pg.shop.example.net.key", "pg.example.net.crt",
            "pg.example.net.key",
        ]
        #expect(host.names == names)
        let before = host.files()
        for keeper in [host.keeper, host.again()] {
            #expect(try keeper.keep([shop, "pg.example.net"], removes: true, at: .now) == .init())
        }
        #expect(host.files() == before)
        changes = try host.keeper.keep([crm, "pg.example.net"], removes: false, at: .now)
        #expect(changes.issued == [crm: .unreadable] && host.names.isSuperset(of: names))
        changes = try host.keeper.keep([crm, "pg.example.net"], removes: true, at: .now)
        #expect(changes.removed == ["wildcard_.pg.shop.example.net"] && changes.issued.isEmpty)
        #expect(!host.names.contains("wildcard_.pg.shop.example.net.key"))
        #expect(
            try host.keeper.keep([shop, crm, "pg.example.net"], removes: true, at: .now).issued == [shop: .unreadable]
        )
    }

    @Test("Renewed at two thirds of its life, with a key of its own; what is lost or damaged is made good")
    func renewal() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        let now = Date.now
        try host.keeper.open(at: now)
        _ = try host.keeper.keep([shop], removes: true, at: now)
        let (crt, key) = ("wildcard_.pg.shop.example.net.crt", "wildcard_.pg.shop.example.net.key")
        let first = (try host.read(crt), try host.read(key))
        #expect(try host.keeper.keep([shop], removes: true, at: now.addingTimeInterval(59 * 86_400)) == .init())
        let changes = try host.keeper.keep([shop], removes: true, at: now.addingTimeInterval(60 * 86_400))
        #expect(changes.issued == [shop: .due])
        #expect(try host.read(crt) != first.0 && host.read(key) != first.1)
        let due = now.addingTimeInterval(60 * 86_400)
        for (damage, reason) in [
            ({ try FileManager.default.removeItem(atPath: "\(host.place.pairs)/\(key)") }, ReissueReason.unreadable),
            ({ try FileManager.default.removeItem(atPath: "\(host.place.pairs)/\(crt)") }, .unreadable),
            ({ try "".write(toFile: "\(host.place.pairs)/\(crt)", atomically: false, encoding: .utf8) }, .unreadable),
            // As a crash between the two leaves it.
            ({ try first.1.write(toFile: "\(host.place.pairs)/\(key)", atomically: true, encoding: .utf8) }, .key),
        ] as [(() throws -> Void, ReissueReason)] {
            try damage()
            #expect(try host.keeper.keep([shop], removes: true, at: due).issued == [shop: reason])
            #expect(try host.keeper.keep([shop], removes: true, at: due) == .init())
        }
    }

    @Test("Another CA in place of the first: all is issued again")
    func otherAuthority() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        try host.keeper.open(at: .now)
        _ = try host.keeper.keep([shop], removes: true, at: .now)
        let other = try CertificateAuthority.make(for: "restored", at: .now)
        try other.keyPEM.write(toFile: host.place.keyFile, atomically: true, encoding: .utf8)
        try other.certificatePEM().write(toFile: host.place.certificateFile, atomically: true, encoding: .utf8)
        #expect(try host.keeper.keep([shop], removes: true, at: .now).issued == [shop: .authority])
    }

    @Test("A pair that somebody else has put there is left alone, and told once")
    func foreign() async throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        try host.keeper.open(at: .now)
        _ = try host.keeper.keep([crm], removes: true, at: .now)
        let own = try await SelfSignedCertificate.make(in: host.directory, name: "own", for: [shop])
        let path = "\(host.place.pairs)/wildcard_.pg.shop.example.net"
        try FileManager.default.moveItem(atPath: own.certFile, toPath: "\(path).crt")
        try FileManager.default.moveItem(atPath: own.keyFile, toPath: "\(path).key")
        let text = try host.read("wildcard_.pg.shop.example.net.crt")
        for names in [[shop, crm], [crm], [shop, crm]] as [Set<String>] {
            #expect(try host.keeper.keep(names, removes: true, at: .now) == .init())
        }
        #expect(try host.read("wildcard_.pg.shop.example.net.crt") == text)
        #expect(host.told.filter { $0.contains("\(path).crt") }.count == 1, "\(host.told)")
    }

    @Test("Keys: their owner's alone; the gateway's group's too, where there is one or the directory gives one")
    func access() throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        try host.keeper.open(at: .now)
        _ = try host.keeper.keep([shop], removes: true, at: .now)
        let key = "\(host.place.pairs)/wildcard_.pg.shop.example.net.key"
        #expect(host.mode(key) == 0o600 && host.mode(host.place.pairs) == 0o700)
        // A directory that somebody has prepared for a gateway of another account.
        #expect(chmod(host.place.pairs, 0o2750) == 0)
        _ = try host.again().keep([shop], removes: true, at: .now)
        #expect(host.mode(key) == 0o640 && host.mode(host.place.pairs) == 0o2750)

        // Only root can give files to any group.
        let group: gid_t = geteuid() == 0 ? 65_534 : getegid()
        let shared = try Keeping(group: group)
        defer { shared.directory.remove() }
        try shared.keeper.open(at: .now)
        _ = try shared.keeper.keep([shop], removes: true, at: .now)
        var found = stat()
        #expect(stat("\(shared.place.pairs)/wildcard_.pg.shop.example.net.key", &found) == 0)
        #expect(found.st_mode & 0o7777 == 0o640 && found.st_gid == group)
        #expect(stat(shared.place.pairs, &found) == 0 && found.st_mode & 0o7777 == 0o750 && found.st_gid == group)
        #expect(shared.mode(shared.place.keyFile) == 0o600)
    }

    @Test("Every hostname that is routed is covered, whichever base it has, as soon as the route map says it")
    func follows() async throws {
        let host = try Keeping()
        defer { host.directory.remove() }
        let store = try BranchStore.open(in: host.directory.path)
        try store.setWildcardBase(Hostname("example.net"))
        let routeFile = host.directory.file("routes.json")
        try host.keeper.open(at: .now)
        let following = Task { await host.keeper.follow(store, routeFile: routeFile) }
        defer { following.cancel() }
        try await eventually("the files of the names") { host.names == ["pg.example.net.crt", "pg.example.net.key"] }
        func write(_ hostnames: [String], stopped: [String] = []) throws {
            let routes = try hostnames.enumerated().map { index, name in
                Route(
                    hostname: try Hostname(name),
                    hostPort: UInt16(20_000 + index),
                    target: Target(id: "dbt_\(index)", name: "main", database: "shop", project: "shop")
                )
            }
            let others = try stopped.map { name in
                StoppedRoute(
                    hostname: try Hostname(name),
                    target: Target(id: "dbt_\(name)", name: "main", database: "shop", project: "shop")
                )
            }
            try RouteMapFile.write(
                RouteMapFile.encode(routes: routes, stopped: others, generatedAt: .now),
                to: routeFile
            )
        }
        try write(["main.pg.shop.example.net", "main.pg.shop.old.org"], stopped: ["qa.pg.crm.example.net"])
        let all = Set(
            [
                "pg.example.net", "wildcard_.pg.shop.example.net", "wildcard_.pg.shop.old.org",
                "wildcard_.pg.crm.example.net",
            ]
            .flatMap { ["\($0).crt", "\($0).key"] }
        )
        try await eventually("the files of the names") { host.names == all }
        // A map that cannot be read takes nothing away; another base is followed all the same.
        try "{".write(toFile: routeFile, atomically: true, encoding: .utf8)
        try store.setWildcardBase(Hostname("example.org"))
        try await eventually("the files of the names") {
            host.names == all.union(["pg.example.org.crt", "pg.example.org.key"])
        }
        try write(["main.pg.shop.example.org"])
        let now = Set(["pg.example.org", "wildcard_.pg.shop.example.org"].flatMap { ["\($0).crt", "\($0).key"] })
        try await eventually("the files of the names") { host.names == now }
    }
}
