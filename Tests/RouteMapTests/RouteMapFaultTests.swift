import Foundation
import Testing

@testable import RouteMap

/// What is told of a map that cannot be used.
@Suite struct RouteMapFaultTests {
    private static func fault(_ text: String) -> String? {
        do throws(RouteMapError) {
            _ = try RouteMapFile.parse(Data(text.utf8))
            return nil
        } catch {
            return error.description
        }
    }

    private static let documentFaults: [(String, String)] = [
        ("[]", "line 1: is a list, not an object"),
        (#"{ "version": 2, "routes": "new" }"#, "line 1: version: 2 is not a supported version; use 1"),
        // Whatever stands before it, and breaks the rules of version 1.
        (#"{ "routes": "new", "version": 2 }"#, "line 1: version: 2 is not a supported version; use 1"),
        (#"{ "version": "1", "routes": [] }"#, "line 1: version: is a string, not a whole number"),
        (#"{ "version": null, "routes": [] }"#, "line 1: version: is null, not a whole number"),
        (#"{ "routes": [] }"#, "line 1: version: is missing"), (#"{ "version": 1 }"#, "line 1: routes: is missing"),
        (#"{ "version": 1, "routes": {} }"#, "line 1: routes: is an object, not a list"),
        (MapText.map(routes: "1"), "line 1: routes[0]: is a number, not an object"),
        (MapText.map(routes: MapText.route("")), "line 1: routes[0].hostPort: is missing"),
    ]

    @Test("Faults of a document", arguments: documentFaults)
    func documents(text: String, description: String) {
        #expect(Self.fault(text) == description)
    }

    private static let portFaults: [(String, String)] = [
        ("0", "0 is not a port (1 to 65535)"), ("65536", "65536 is not a port (1 to 65535)"),
        ("-1", "-1 is not a port (1 to 65535)"), ("1.5", "1.5 is not a whole number (digits only)"),
        ("10044.0", "10044.0 is not a whole number (digits only)"),
        ("1e4", "1e4 is not a whole number (digits only)"),
        ("99999999999999999999", "99999999999999999999 is not a port (1 to 65535)"),
        ("\"10001\"", "is a string, not a whole number"), ("true", "is true, not a whole number"),
        ("null", "is null, not a whole number"), ("[]", "is a list, not a whole number"),
    ]

    @Test("Ports that are none", arguments: portFaults)
    func ports(value: String, problem: String) {
        let text = MapText.map(routes: MapText.route(", \"hostPort\": \(value)"))
        #expect(Self.fault(text) == "line 1: routes[0].hostPort: \(problem)")
    }

    private static let keyFaults: [(String, String, String)] = [
        ("host", "\"10.0.0.1\"", "'10.0.0.1' is not a loopback IP address (127.0.0.0/8 or ::1)"),
        ("host", "\"127.0.0.01\"", "'127.0.0.01' is not a loopback IP address (127.0.0.0/8 or ::1)"),
        ("host", "\"127.0.0.256\"", "'127.0.0.256' is not a loopback IP address (127.0.0.0/8 or ::1)"),
        ("host", "\"127.0.0\"", "'127.0.0' is not a loopback IP address (127.0.0.0/8 or ::1)"),
        ("host", "\"127..0.1\"", "'127..0.1' is not a loopback IP address (127.0.0.0/8 or ::1)"),
        ("host", "\"127.0.0.1.\"", "'127.0.0.1.' is not a loopback IP address (127.0.0.0/8 or ::1)"),
        ("host", "\"127.0.0.1.1\"", "'127.0.0.1.1' is not a loopback IP address (127.0.0.0/8 or ::1)"),
        (
            "host", "\"127.0.0.1.evil.example\"",
            "'127.0.0.1.evil.example' is not a loopback IP address (127.0.0.0/8 or ::1)"
        ),
        ("host", "\"localhost\"", "'localhost' is not a loopback IP address (127.0.0.0/8 or ::1)"),
        ("host", "\"::ffff:127.0.0.1\"", "'::ffff:127.0.0.1' is not a loopback IP address (127.0.0.0/8 or ::1)"),
        ("host", "\"::2\"", "'::2' is not a loopback IP address (127.0.0.0/8 or ::1)"),
        ("host", "\"\"", "'' is not a loopback IP address (127.0.0.0/8 or ::1)"),
        ("host", "\"a\\nb\"", "'a\\u{a}b' is not a loopback IP address (127.0.0.0/8 or ::1)"),
        ("host", "1", "is a number, not a string"),
        ("tls", "\"passthrough\"", "'passthrough' is not supported by this version; use 'terminate'"),
        ("maxConnections", "0", "0 is not a positive whole number"),
        ("maxConnections", "2.5", "2.5 is not a whole number (digits only)"),
        ("sharedAddress", "1", "is a number, not true or false"),
        ("sharedAddress", "\"true\"", "is a string, not true or false"),
    ]

    @Test("Values of optional keys that are none", arguments: keyFaults)
    func optionalKeys(key: String, value: String, problem: String) {
        let text = MapText.map(routes: MapText.route(", \"hostPort\": 1, \"\(key)\": \(value)"))
        #expect(Self.fault(text) == "line 1: routes[0].\(key): \(problem)")
    }

    @Test(
        "A fault has its line and the path of its key",
        arguments: [
            (#""hostPort": 10001"#, #""hostPort": 1.5"#, "line 5: routes[1].hostPort: 1.5 is not a whole number"),
            (#""name": "b""#, #""name": 7"#, "line 6: routes[1].target.name: is a number, not a string"),
            (#""name": "b", "#, "", "line 6: routes[1].target.name: is missing"),
            (#""b.example""#, #""A.example""#, "line 5: routes[1].hostname: 'a.example' is a duplicate"),
            (#""c.example""#, #""a.example""#, "line 9: stopped[0].hostname: 'a.example' is a duplicate"),
            (#""c.example""#, #""c..example""#, "line 9: stopped[0].hostname: 'c..example' has an empty label"),
            (
                #""hostPort": 10001,"#, #""hostPort": 10001"#,
                "line 6: routes[1]: is not JSON: expected ',' or '}', found '\"'"
            ),
            ("  \"stopped\"", "  stopped", "line 8: is not JSON: expected a key in quotation marks, found 's'"),
            (
                #""b", "database""#, #""b, "database""#,
                "line 6: routes[1].target: is not JSON: expected ',' or '}', found 'd'"
            ),
            (#""project": "p" } }"#, #""project": "p } }"#, "is not JSON"),
            ("later\": [", "later\": [tru, ", "line 7: later[0]: is not JSON: expected 'true', found ','"),
        ]
    )
    func lines(good: String, bad: String, description: String) throws {
        let text = """
            {
              "version": 1,
              "routes": [
                { "hostname": "a.example", "hostPort": 10000, "target": { "id": "1", "name": "a", "database": "d", "project": "p" } },
                { "hostname": "b.example", "hostPort": 10001,
                  "target": { "id": "2", "name": "b", "database": "d", "project": "p" } }
              ], "later": [{}],
              "stopped": [
                { "hostname": "c.example", "target": { "id": "3", "name": "c", "database": "d", "project": "p" } }
              ]
            }
            """
        #expect(Self.fault(text) == nil)
        let place = try #require(text.range(of: good))
        let fault = try #require(Self.fault(text.replacingCharacters(in: place, with: bad)))
        #expect(fault.contains(description), "\(fault)")
        #expect(!fault.contains("\n"))
    }

    @Test(
        "A key that stands twice in one object is a fault that names it, wherever and however it is written",
        arguments: [
            (MapText.map(more: #", "version": 1"#), "version"), (MapText.map(more: #", "routes": []"#), "routes"),
            (MapText.map(more: #", "stopped": null"#), "stopped"),
            (MapText.map(more: #", "a": 1, "b": 2, "a": 1"#), "a"),
            (MapText.map(more: #", "a": { "b": 1, "c": [], "b": 1 }"#), "a.b"),
            (MapText.map(more: #", "a": [0, { "b": 1, "b": 2 }]"#), "a[1].b"),
            (MapText.map(more: #", "generatedAt": "x", "generatedAt": "x""#), "generatedAt"),
            (MapText.map(more: #", "é": 1, "\u00e9": 1"#), "é"),
            (MapText.map(more: #", "": 1, "": 1"#), ""),
            (MapText.map(routes: MapText.route(#", "hostPort": 1, "hostPort": 1"#)), "routes[0].hostPort"),
            (MapText.map(routes: MapText.route(#", "hostPort": 1, "host\u0050ort": 2"#)), "routes[0].hostPort"),
            (MapText.map(routes: MapText.route(#", "host\u0050ort": 1, "hostPort": 2"#)), "routes[0].hostPort"),
            (MapText.map(routes: MapText.route(#", "hostPort": 1, "host": null, "host": "::1""#)), "routes[0].host"),
            (MapText.map(routes: MapText.route(#", "hostPort": 1, "target": {}"#)), "routes[0].target"),
            (MapText.map(stopped: MapText.route(#", "x": 1, "x": 1"#)), "stopped[0].x"),
            (
                MapText.map(routes: MapText.route(#", "hostPort": 1"#))
                    .replacingOccurrences(of: #""id":"#, with: #""id": "dbt_2", "\u0069d":"#), "routes[0].target.id"
            ),
        ]
    )
    func doubled(text: String, key: String) {
        let error = #expect(throws: RouteMapError.self) { try RouteMapFile.parse(Data(text.utf8)) }
        #expect(error?.key == key)
        #expect(error?.problem == "duplicate key")
    }

    @Test("Among many unknown keys a doubled one is found, whichever it is", arguments: [0, 1, 15, 16, 17, 99])
    func manyKeys(doubled: Int) {
        let keys = (0..<100).map { "\"k\($0)\": \($0)" }
        #expect(Self.fault(MapText.map(more: ", " + keys.joined(separator: ", "))) == nil)
        let text = MapText.map(more: ", " + (keys + ["\"k\(doubled)\": 1"]).joined(separator: ", "))
        #expect(Self.fault(text) == "line 1: k\(doubled): duplicate key")
    }

    @Test("A key may be there in one object and again in another")
    func notDoubled() {
        #expect(Self.fault(MapText.map(more: #", "a": { "version": 1, "routes": { "routes": 1 } }"#)) == nil)
    }

    // MARK: Confirmation

    @Test(
        "A confirmation is whole, in UTC, and for a day at most",
        arguments: [
            (#""confirmedAt": "2026-11-23T02:00:00Z""#, "validForSeconds: is missing beside confirmedAt"),
            (#""validForSeconds": 300"#, "confirmedAt: is missing beside validForSeconds"),
            (#""confirmedAt": null, "validForSeconds": 300"#, "confirmedAt: is missing beside validForSeconds"),
            (#""confirmedAt": "x", "validForSeconds": 0"#, "confirmedAt: 'x' is not a time in UTC such as"),
            (#""validForSeconds": 0"#, "validForSeconds: 0 is not a number of seconds (1 to 86400)"),
            (#""validForSeconds": 86401"#, "validForSeconds: 86401 is not a number of seconds (1 to 86400)"),
            (#""validForSeconds": 1.5"#, "validForSeconds: 1.5 is not a whole number"),
            (#""validForSeconds": "300""#, "validForSeconds: is a string, not a whole number"),
            (#""confirmedAt": 1800000000"#, "confirmedAt: is a number, not a string"),
        ]
    )
    func confirmation(more: String, description: String) {
        #expect(Self.fault(MapText.map(more: ", " + more))?.hasPrefix("line 1: " + description) == true)
    }

    @Test("Times of RFC 3339 in UTC are read, and no others")
    func times() throws {
        let good: [(String, Double)] = [
            ("1970-01-01T00:00:00Z", 0), ("2027-01-15T08:00:00Z", 1_800_000_000),
            ("2027-01-15T08:00:00.25Z", 1_800_000_000.25), ("2027-01-15T08:00:00+00:00", 1_800_000_000),
            ("2000-02-29T12:00:00Z", 951_825_600), ("2024-12-31T23:59:60Z", 1_735_689_600),
            ("9999-12-31T23:59:59Z", 253_402_300_799), ("1969-12-31T23:59:59Z", -1),
        ]
        for (text, seconds) in good {
            #expect(Date(utcTimestamp: text)?.timeIntervalSince1970 == seconds, "\(text)")
        }
        for text in [
            "", "2027-01-15", "2027-01-15 08:00:00Z", "2027-01-15T08:00:00", "2027-01-15T08:00:00+01:00",
            "2027-02-29T08:00:00Z", "2100-02-29T08:00:00Z", "2027-13-01T08:00:00Z", "2027-00-01T08:00:00Z",
            "2027-01-00T08:00:00Z", "2027-04-31T08:00:00Z", "2027-01-15T24:00:00Z", "2027-01-15T08:60:00Z",
            "2027-01-15T08:00:61Z", "2027-01-15T08:00:00.Z", "2027-01-15T08:00:00ZZ", "+027-01-15T08:00:00Z",
            "2027-01-15T08:00:0 Z", "２027-01-15T08:00:00Z",
        ] {
            #expect(Date(utcTimestamp: text) == nil, "\(text)")
        }
        // What the writer writes, over many days and years.
        for day in stride(from: 0, to: 40_000, by: 97) {
            let time = Date(timeIntervalSince1970: Double(day) * 86_400 + Double(day))
            #expect(Date(utcTimestamp: time.formatted(.iso8601)) == time)
        }
    }
}
