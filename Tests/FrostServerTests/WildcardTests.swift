import BranchManager
import Foundation
import GatewayContract
import NIOHTTP1
import RouteMap
import Testing

@testable import FrostServer

/// Another wildcard domain: what it would change, and that old hostnames are kept.
@Suite struct WildcardTests {
    private static let path = "/api/settings/wildcard-preview?base="

    @Test("A preview says which hostnames change, what has to be typed, and changes nothing")
    func preview() async throws {
        try await APIHost.run { host in
            let none = try await host.expect(200, .GET, "\(Self.path)other.example")
            #expect(none["hostnames"].number == 0 && none["confirmation"].isNull, "nobody has a hostname yet")
            let shop = try await host.makeShop()
            let preview = try await host.expect(200, .GET, "\(Self.path)*.Other.EXAMPLE.")
            #expect(preview["wildcardBase"].text == "other.example")
            #expect(preview["current"].text == "example.net")
            #expect(preview["confirmation"].text == "other.example")
            #expect(preview["hostnames"].number == 2)
            let dev = try #require(preview["changes"].list.last)
            #expect(dev["targetId"].text == shop.dev && dev["name"].text == "dev")
            #expect(dev["from"].text == "dev.pg.shop.example.net" && dev["to"].text == "dev.pg.shop.other.example")
            #expect(preview["sessions"].isNull, "there is no gateway to ask")
            #expect(preview["resolution"].text == "not_found")
            #expect(preview["resolutionText"].text?.contains("main.pg.shop.other.example does not resolve") == true)
            #expect(preview["certificate"].text == "unknown")

            let taken = try await host.expect(200, .GET, Self.path)
            #expect(taken["wildcardBase"].isNull && taken["confirmation"].text == "example.net")
            #expect(taken["changes"].list.allSatisfy { $0["to"].isNull } && taken["hostnames"].number == 2)
            #expect(taken["resolution"].isNull && taken["certificate"].isNull)
            let same = try await host.expect(200, .GET, "\(Self.path)*.example.net")
            #expect(same["hostnames"].number == 0 && same["confirmation"].isNull)
            let wrong = try await host.request(.GET, "\(Self.path)a%20b")
            #expect(wrong.status == 422 && wrong.field == "wildcardBase")
            #expect(wrong.message.contains("the wildcard domain 'a b'"), "\(wrong.message)")
            #expect(try await host.expect(200, .GET, "/api/settings")["wildcardBase"].text == "example.net")
        }
    }

    @Test(
        "What the resolver says, in words",
        arguments: [
            (HostLookup.Answer.addresses(["192.0.2.1"]), "this_host", "an address of this host"),
            (
                .addresses(["203.0.113.7", "2001:db8::7"]), "elsewhere",
                "203.0.113.7, 2001:db8::7, which is not an address of this host (fine"
            ),
            (.notFound, "not_found", "*.other.example at this host"), (.late, "unknown", "within 3 seconds"),
        ]
    )
    func resolution(answer: HostLookup.Answer, kind: String, words: String) async throws {
        let lookup = HostLookup(look: { _ in answer }, ownAddresses: { ["127.0.0.1", "192.0.2.1"] })
        try await APIHost.run(lookup: lookup) { host in
            let preview = try await host.expect(200, .GET, "\(Self.path)other.example")
            #expect(preview["resolution"].text == kind)
            #expect(preview["resolutionText"].text?.contains(words) == true, "\(preview["resolutionText"].text ?? "")")
            // Whatever the resolver says.
            let local = try await host.expect(200, .GET, "\(Self.path)localhost")
            #expect(local["resolution"].text == "this_host")
        }
    }

    @Test("The system's resolver: this host, and a name that nobody can have")
    func system() async {
        let answer = await HostLookup.system.look("localhost")
        guard case .addresses(let addresses) = answer else {
            Issue.record("localhost: \(answer)")
            return
        }
        #expect(!HostLookup.system.ownAddresses().isDisjoint(with: addresses), "\(addresses)")
        let other = await HostLookup.system.look("main.pg.shop.frost-test.invalid")
        #expect(other == .notFound || other == .late, "\(other)")
    }

    @Test("Which hostnames certificates cover, in words")
    func certificates() {
        let certificates = [
            SessionsDocument.Certificate(
                file: "a",
                names: ["*.pg.shop.Other.example", "main.pg.x.example"],
                notBefore: "2026-01-01T00:00:00Z",
                notAfter: "2126-01-01T00:00:00Z"
            )
        ]
        let names = ["dev.pg.shop.other.example", "main.pg.x.other.example", "qa.pg.x.other.example"]
        func found(_ names: [String], isIssued: Bool = false) -> (kind: WildcardPreview.Coverage, sentence: String) {
            let finding = WildcardPreview.coverage(of: names, by: certificates, isIssued: isIssued)
            return (finding.kind, finding.sentence)
        }
        #expect(found(Array(names.prefix(1))).kind == .covered)
        let missing = found(names)
        #expect(missing.kind == .notCovered)
        #expect(missing.sentence.contains("main.pg.x.other.example and 1 more"))
        #expect(missing.sentence.contains("*.pg.x.other.example"))
        #expect(found(names, isIssued: true).kind == .issued)
    }

    @Test(
        "Settings and renames keep old hostnames for as long as they are told to; a client that says nothing keeps none"
    )
    func kept() async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            let dev = "/api/databases/\(shop.database)/targets/\(shop.dev)"
            func hostnames() throws -> Set<String> {
                Set(try host.manager.store.hostnamesInUse().map(\.hostname))
            }
            for seconds in ["59", "7776001", "\"7d\"", "1.5"] {
                let refused = try await host.request(.PATCH, "/api/settings", #"{"keepHostnamesSeconds": \#(seconds)}"#)
                #expect(refused.status == 422 && refused.field == "keepHostnamesSeconds", "\(seconds)")
            }
            let renamed = try await host.expect(200, .PATCH, dev, #"{"name": "neu", "keepHostnameSeconds": 604800}"#)
            #expect(renamed["externalHost"].text == "neu.pg.shop.example.net")
            #expect(renamed["aliases"].list.compactMap { $0["hostname"].text } == ["dev.pg.shop.example.net"])
            try await host.expect(
                200,
                .PATCH,
                "/api/settings",
                #"{"wildcardBase": "*.Other.example", "keepHostnamesSeconds": 60}"#
            )
            let both: Set = [
                "main.pg.shop.example.net", "main.pg.shop.other.example", "neu.pg.shop.example.net",
                "neu.pg.shop.other.example", "dev.pg.shop.example.net",
            ]
            #expect(try hostnames() == both)
            #expect(try RouteMapFile.load(path: host.routeFile).count == both.count)
            let gone = try await host.expect(200, .DELETE, "\(dev)/aliases/dev.pg.shop.example.net")
            #expect(gone["aliases"].list.compactMap { $0["hostname"].text } == ["neu.pg.shop.example.net"])
            try await host.expect(404, .DELETE, "\(dev)/aliases/dev.pg.shop.example.net")
            try await host.expect(404, .DELETE, "\(dev)/aliases/main.pg.shop.example.net")
            #expect(try RouteMapFile.load(path: host.routeFile).entry(for: "dev.pg.shop.example.net") == nil)
            try await host.expect(200, .PATCH, "/api/settings", #"{"wildcardBase": null}"#)
            #expect(try hostnames() == [])
            try await host.expect(200, .PATCH, dev, #"{"name": "last"}"#)
            try await host.expect(200, .PATCH, "/api/settings", #"{"wildcardBase": "example.net"}"#)
            try await host.expect(200, .PATCH, "/api/settings", #"{"wildcardBase": "other.example"}"#)
            #expect(try hostnames() == ["main.pg.shop.other.example", "last.pg.shop.other.example"])
        }
    }
}
