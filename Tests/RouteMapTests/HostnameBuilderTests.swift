import RouteMap
import TestSupport
import Testing

@Suite struct HostnameBuilderTests {
    private typealias Request = HostnameBuilder.Request

    private func names(
        _ requests: [Request],
        keeping previous: [String: Hostname] = [:],
        base: String = "example.net"
    ) throws -> [String: String] {
        try HostnameBuilder.names(for: requests, base: Hostname(base), keeping: previous).mapValues(\.name)
    }

    private func request(
        _ id: String,
        _ target: String,
        database: String = "",
        project: String = "shop",
        projectID: String = "proj_1"
    ) -> Request {
        Request(targetID: id, target: target, database: database, projectID: projectID, project: project)
    }

    @Test("Clean names are what people called things")
    func clean() throws {
        let names = try names([request("dbt_1", "main"), request("dbt_2", "Feature/Log in!", project: "My  Shop")])
        #expect(names == ["dbt_1": "main.pg.shop.example.net", "dbt_2": "feature-log-in.pg.my-shop.example.net"])
    }

    @Test(
        "Texts as labels",
        arguments: [
            ("main", "main"), ("MAIN", "main"), ("a_b.c", "a-b-c"), ("--a--b--", "a-b"), ("a   b", "a-b"), ("", ""),
            ("日本", ""),
            ("xn--a", "xn-a"), ("1", "1"), ("ab--cd", "ab-cd"), ("\u{130}", "i"), ("ſ", "s"),
            ("Überblick", "uberblick"), ("U\u{308}berblick", "uberblick"), ("café", "cafe"), ("Straße", "strasse"),
            ("Łódź Ærø Þórr œuvre", "lodz-aero-thorr-oeuvre"), ("Київ, Жуковский", "kiiv-zhukovskii"),
            ("Ἀθῆναι ΣΟΦΟΣ", "athinai-sofos"), ("ＡＢＣ", "abc"), ("ﬁx", "fix"), ("объект", "obekt"), ("Đặng", "dang"),
            ("ü日本é", "u-e"), ("\u{301}", ""), ("-é-", "e"),
        ]
    )
    func slug(text: String, slug: String) {
        #expect(Slug.make(text) == slug)
    }

    @Test("The suffix is base32 of SHA-256, lowercase: fixed for ever, since people have it in their settings")
    func hash() {
        // printf dbt_1 | sha256sum; the first 40 bits in the alphabet of RFC 4648.
        #expect(HostnameBuilder.hash("dbt_1") == "aquo7gvp")
        #expect(HostnameBuilder.hash("") == "4oymiquy")
    }

    @Test("Two databases of a project both have main: the oldest has the clean name")
    func collision() throws {
        let names = try names([request("dbt_1", "main"), request("dbt_2", "main"), request("dbt_3", "Main")])
        #expect(names["dbt_1"] == "main.pg.shop.example.net")
        for id in ["dbt_2", "dbt_3"] {
            #expect(names[id] == "main-\(HostnameBuilder.hash(id)).pg.shop.example.net")
        }
    }

    @Test("A second database's branches carry its name, where it fits and is free; nobody else's name changes")
    func databases() throws {
        func request(_ id: String, _ target: String, of database: String) -> Request {
            Request(targetID: id, target: target, database: database, projectID: "proj_1", project: "shop")
        }
        let long = String(repeating: "d", count: 60)
        let first = [request("dbt_1", "main", of: "orders"), request("dbt_2", "main", of: "Benutzer & Üser")]
        let requests =
            first + [
                // Called so by its owner before the branch of the third database comes.
                request("dbt_3", "main-users", of: "orders"), request("dbt_4", "main", of: "users"),
                request("dbt_5", "main", of: long), request("dbt_6", "main", of: "日本"),
                request("dbt_7", "日本", of: "users"), request("dbt_8", "dev", of: "users"),
            ]
        let names = try names(requests).mapValues { String($0.prefix { $0 != "." }) }
        #expect(
            names == [
                "dbt_1": "main", "dbt_2": "main-benutzer-user", "dbt_3": "main-users",
                "dbt_4": "main-\(HostnameBuilder.hash("dbt_4"))", "dbt_5": "main-\(HostnameBuilder.hash("dbt_5"))",
                "dbt_6": "main-\(HostnameBuilder.hash("dbt_6"))", "dbt_7": HostnameBuilder.hash("dbt_7"),
                "dbt_8": "dev",
            ]
        )
        let before = try HostnameBuilder.names(for: requests, base: Hostname("example.net"))
        #expect(
            try HostnameBuilder.names(
                for: Array(requests.dropFirst().filter { $0.targetID != "dbt_3" }),
                base: Hostname("example.net"),
                keeping: before
            ) == before.filter { $0.key != "dbt_1" && $0.key != "dbt_3" }
        )
    }

    @Test("Projects that are called alike share a label; one of whose name nothing is left has its hash")
    func projects() throws {
        let names = try names([
            request("dbt_1", "main", project: "Shop!", projectID: "proj_1"),
            request("dbt_2", "main", project: "shop", projectID: "proj_2"),
            request("dbt_3", "main", project: "日本", projectID: "proj_3"),
            request("dbt_4", "日本", project: "shop", projectID: "proj_2"),
            request("dbt_5", "main", project: String(repeating: "p", count: 80), projectID: "proj_5"),
        ])
        #expect(names["dbt_1"] == "main.pg.shop.example.net")
        #expect(names["dbt_2"] == "main-\(HostnameBuilder.hash("dbt_2")).pg.shop.example.net")
        #expect(names["dbt_3"] == "main.pg.\(HostnameBuilder.hash("proj_3")).example.net")
        #expect(names["dbt_4"] == "\(HostnameBuilder.hash("dbt_4")).pg.shop.example.net")
        let long = String(repeating: "p", count: 54) + "-" + HostnameBuilder.hash("proj_5")
        #expect(names["dbt_5"] == "main.pg.\(long).example.net")
    }

    @Test("Names at the limits; a cut never ends in a hyphen before the suffix")
    func limits() throws {
        let fits = String(repeating: "a", count: 63)
        let cut = String(repeating: "a", count: 53) + "-" + String(repeating: "b", count: 20)
        let base = (Array(repeating: String(repeating: "b", count: 60), count: 2)).joined(separator: ".")
        #expect(base.count == HostnameBuilder.maximumBaseLength - 1)
        let names = try names([request("dbt_1", fits, project: fits), request("dbt_2", cut)], base: base)
        #expect(names["dbt_1"] == "\(fits).pg.\(fits).\(base)")
        #expect(
            names["dbt_2"] == "\(String(repeating: "a", count: 53))-\(HostnameBuilder.hash("dbt_2")).pg.shop.\(base)"
        )
        #expect(throws: HostnameError.self) { try self.names([], base: base + "bb") }
    }

    @Test("A target that is added, renamed or removed changes nobody else's name")
    func stability() throws {
        let first = [request("dbt_1", "main"), request("dbt_2", "main"), request("dbt_3", "dev")]
        let before = try HostnameBuilder.names(for: first, base: Hostname("example.net"))
        // The one with the clean name is renamed, and then is gone: the other keeps its suffix.
        let renamed = try names([request("dbt_1", "old"), first[1], first[2]], keeping: before)
        #expect(renamed["dbt_1"] == "old.pg.shop.example.net")
        #expect(renamed["dbt_2"] == before["dbt_2"]?.name)
        let removed = try names([first[1], first[2]], keeping: before)
        #expect(removed == ["dbt_2": before["dbt_2"]?.name, "dbt_3": "dev.pg.shop.example.net"])
        // Whoever is called so next gets the clean name.
        #expect(
            try names([first[1], request("dbt_4", "main")], keeping: before)["dbt_4"] == "main.pg.shop.example.net"
        )
    }

    @Test("A name with a number is kept like any other, whoever goes whose names were in the way")
    func numbered() throws {
        let suffixed = "main-\(HostnameBuilder.hash("dbt_3"))"
        let zone = "pg.shop.example.net"
        // Two that are called what the third would be.
        let requests = [request("dbt_1", "main"), request("dbt_2", suffixed), request("dbt_3", "main")]
        let before = try HostnameBuilder.names(for: requests, base: Hostname("example.net"))
        #expect(
            before.mapValues(\.name) == [
                "dbt_1": "main.\(zone)", "dbt_2": "\(suffixed).\(zone)", "dbt_3": "\(suffixed)-2.\(zone)",
            ]
        )
        #expect(try names(requests, keeping: before) == before.mapValues(\.name))
        #expect(try names([requests[2]], keeping: before) == ["dbt_3": "\(suffixed)-2.\(zone)"])
        // Also from who comes later and is called so.
        #expect(
            try names([request("dbt_0", "\(suffixed)-2"), requests[1], requests[2]], keeping: before)["dbt_3"]
                == "\(suffixed)-2.\(zone)"
        )
        // Until it is called something else itself.
        #expect(try names([request("dbt_3", "dev")], keeping: before) == ["dbt_3": "dev.\(zone)"])
        // A label that is cut, and one of which nothing is left.
        let tail = "\(HostnameBuilder.hash("dbt_3"))-10"
        let long = String(repeating: "x", count: 70)
        for (target, label) in [(long, "\(long.prefix(51))-\(tail)"), ("日本", tail)] {
            let previous = ["dbt_3": try Hostname("\(label).\(zone)")]
            #expect(try names([request("dbt_3", target)], keeping: previous) == previous.mapValues(\.name))
        }
    }

    @Test(
        "What only looks like a name with a number is not kept",
        arguments: [
            "main-HASH-0", "main-HASH-1", "main-HASH-02", "main-HASH-2-2", "main-HASH-a", "main-2", "main-aaaaaaaa-2",
            "main-HASH-99999999999999999999", "dev-HASH-2", "main-HASH2", "HASH-2",
        ]
    )
    func notNumbered(label: String) throws {
        let label = label.replacing("HASH", with: HostnameBuilder.hash("dbt_1"))
        for zone in ["pg.shop.example.net", "pg.other.example.net", "pg.shop.example.org"] {
            let previous = ["dbt_1": try Hostname("\(label).\(zone)")]
            #expect(try names([request("dbt_1", "main")], keeping: previous) == ["dbt_1": "main.pg.shop.example.net"])
        }
        let elsewhere = ["dbt_1": try Hostname("main-\(HostnameBuilder.hash("dbt_1"))-2.pg.other.example.net")]
        #expect(try names([request("dbt_1", "main")], keeping: elsewhere) == ["dbt_1": "main.pg.shop.example.net"])
    }

    @Test(
        "Whatever happens in whatever order: names are valid, different, and only those of whom it happens to change",
        arguments: 0..<40
    )
    func property(seed: Int) async throws {
        var random = SplitMix64(seed: UInt64(seed))
        let words = [
            "main", "dev", "Dev", "d-e-v", "", "日本", String(repeating: "x", count: 70), "a_b", "a-b", "pg", "www", "7",
        ]
        var requests: [Request] = []
        var names: [String: Hostname] = [:]
        for step in 0..<60 {
            await Task.yield()  // computing for long: others wait for the same few threads
            var touched: String?
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where !requests.isEmpty:
                requests.remove(at: Int.random(in: requests.indices, using: &random))
            case 1 where !requests.isEmpty:
                let index = Int.random(in: requests.indices, using: &random)
                requests[index].target = words.randomElement(using: &random) ?? ""
                touched = requests[index].targetID
            default:
                let project = Int.random(in: 0..<3, using: &random)
                requests.append(
                    request(
                        "dbt_\(step)",
                        words.randomElement(using: &random) ?? "",
                        database: ["", "b", "日本", "main"].randomElement(using: &random) ?? "",
                        project: ["shop", "Shop", "日本"][project],
                        projectID: "proj_\(project)"
                    )
                )
                touched = "dbt_\(step)"
            }
            let new = try HostnameBuilder.names(for: requests, base: Hostname("example.net"), keeping: names)
            #expect(Set(new.keys) == Set(requests.map(\.targetID)))
            #expect(Set(new.values).count == new.count)
            for (id, name) in new where id != touched { #expect(names[id] == name) }
            // Asked again, nothing changes, in whatever order the targets come.
            #expect(
                try HostnameBuilder.names(
                    for: requests.shuffled(using: &random),
                    base: Hostname("example.net"),
                    keeping: new
                ) == new
            )
            names = new
        }
    }

    @Test(
        "Asked again with its own answer, it gives the same, also where people call things what others would be called",
        arguments: 0..<20
    )
    func again(seed: Int) async throws {
        var random = SplitMix64(seed: UInt64(seed))
        let ids = (0..<12).map { "dbt_\($0)" }
        let (older, younger) = (ids.prefix(6), ids.suffix(6))
        // The older are called what the younger would be, who are all called main.
        let suffixed = younger.map { "main-\(HostnameBuilder.hash($0))" }
        let words = ["main", ""] + suffixed.flatMap { [$0, "\($0)-2", "\($0)-3"] }
        var requests: [Request] = []
        var names: [String: Hostname] = [:]
        var numbered: Set<Hostname> = []
        for _ in 0..<300 {
            await Task.yield()  // computing for long: others wait for the same few threads
            let touched = ids[Int.random(in: ids.indices, using: &random)]
            if let index = requests.firstIndex(where: { $0.targetID == touched }) {
                requests.remove(at: index)
            } else {
                let target = older.contains(touched) ? words.randomElement(using: &random) ?? "" : "main"
                requests.insert(request(touched, target), at: Int.random(in: 0...requests.count, using: &random))
            }
            let new = try HostnameBuilder.names(for: requests, base: Hostname("example.net"), keeping: names)
            #expect(Set(new.values).count == requests.count)
            for (id, name) in new where id != touched { #expect(names[id] == name) }
            #expect(
                try HostnameBuilder.names(
                    for: requests.shuffled(using: &random),
                    base: Hostname("example.net"),
                    keeping: new
                ) == new
            )
            // And from nothing.
            let fresh = try HostnameBuilder.names(for: requests, base: Hostname("example.net"))
            #expect(
                try HostnameBuilder.names(for: requests, base: Hostname("example.net"), keeping: fresh) == fresh
            )
            for id in younger {
                guard let name = new[id], name.name.contains("-\(HostnameBuilder.hash(id))-") else { continue }
                numbered.insert(name)
            }
            names = new
        }
        #expect(!numbered.isEmpty, "no name has a number")
    }
}
