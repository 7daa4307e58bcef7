import BranchManager
import BranchTestSupport
import Foundation
import GatewayContract
import TestSupport
import Testing

@testable import FrostServer

/// How the gateway is found to be, by what stands at its admin address.
@Suite struct GatewayConditionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var behaviour: AdminStandIn.Behaviour
        var kind: GatewayCondition.Kind
        var testDescription: String { name }
        /// Only silence is worth no wait.
        var timeout: Duration { if case .silent = behaviour { .seconds(1) } else { .seconds(90) } }
    }

    static let cases: [Case] = [
        Case(name: "a gateway", behaviour: AdminStandIn.on(), kind: .on),
        Case(
            name: "a gateway whose certificates have odd names",
            behaviour: AdminStandIn.on([.init(["", "*", "*.", ".", "\u{0}", "xn--ü.*.b", "*.*.a"], file: "")]),
            kind: .on
        ),
        Case(
            name: "a gateway whose certificates have odd dates",
            behaviour: AdminStandIn.on([.init(file: "a.crt", names: ["a"], notBefore: "never", notAfter: "99999999-1")]
            ),
            kind: .on
        ),
        Case(
            name: "a gateway that is not ready",
            behaviour: .gateway(
                readiness: AdminStandIn.notReady("route_map_missing"),
                sessions: (200, AdminStandIn.document())
            ),
            kind: .notReady
        ),
        Case(name: "silence", behaviour: .silent, kind: .hung),
        Case(name: "connections that are closed at once", behaviour: .closing, kind: .hung),
        Case(
            name: "an answer that stops in the middle",
            behaviour: .bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
            kind: .hung
        ),
        Case(name: "another protocol", behaviour: .bytes("SSH-2.0-OpenSSH_9.2\r\n"), kind: .stranger),
        Case(name: "bytes", behaviour: .bytes("\u{0}\u{1}\u{2}\r\n\r\n"), kind: .stranger),
        Case(name: "another page", behaviour: .bytes(AdminStandIn.http(200, "<h1>It works!</h1>")), kind: .stranger),
        Case(name: "other JSON", behaviour: .bytes(AdminStandIn.http(200, #"{"status": "ok"}"#)), kind: .stranger),
        Case(
            name: "somebody who is ready and has no sessions",
            behaviour: .gateway(readiness: AdminStandIn.ready, sessions: (404, "{}")),
            kind: .stranger
        ),
        Case(
            name: "503 without a reason",
            behaviour: .gateway(
                readiness: (503, #"{"status": "not_ready", "reasons": []}"#),
                sessions: (200, AdminStandIn.document())
            ),
            kind: .stranger
        ),
        Case(name: "503 of a proxy", behaviour: .bytes(AdminStandIn.http(503, "no upstream")), kind: .stranger),
        Case(
            name: "an answer that is too large",
            behaviour: .bytes("HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n{"),
            kind: .stranger
        ),
        Case(
            name: "a redirection",
            behaviour: .bytes("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
            kind: .stranger
        ),
    ]

    @Test("What answers at the admin address", arguments: cases)
    func answers(_ example: Case) async throws {
        try await withStore { store in
            let standIn = try AdminStandIn(example.behaviour)
            defer { standIn.stop() }
            let condition = try await look(at: standIn.place, store, within: example.timeout)
            #expect(condition.kind == example.kind, "\(condition)")
            #expect((GatewayTrouble(condition) == nil) == (example.kind == .on))
            #expect(condition.isUnreachable == (example.kind != .on))
        }
    }

    @Test("Nothing listens: the address and the next step, by who runs it")
    func refused() async throws {
        try await withStore { store in
            let port = try await PostgresServer.freePort()
            let lines: [(GatewayPlace.Runner, String)] = [
                (.service, "start it: systemctl start postgres-gateway"),
                (.frostUp(isRunning: false), "start it: frost up"),
                (
                    .frostUp(isRunning: true),
                    "frost up restarts it; see its output"
                ),
            ]
            for (runner, step) in lines {
                let place = GatewayPlace(admin: "127.0.0.1:\(port)", runner: runner)
                let condition = try await look(at: place, store)
                #expect(condition.kind == .unreachable)
                let line = try #require(GatewayTrouble(condition)).line
                #expect(line == "the gateway does not answer at 127.0.0.1:\(port); \(step)")
            }
            // What frost up has to say of its gateway is the better word.
            try store.setGatewayFault("The gateway ended (exited(1)) and is started again.")
            let place = GatewayPlace(admin: "127.0.0.1:\(port)", runner: .frostUp(isRunning: true))
            let failed = try await look(at: place, store)
            #expect(failed.kind == .failed && failed.isUnreachable)
            #expect(GatewayTrouble(failed)?.sentence == "The gateway ended (exited(1)) and is started again.")
        }
    }

    @Test("Off is off, whatever answers; and no place to look is no fault of the gateway's")
    func off() async throws {
        try await withStore { store in
            let standIn = try AdminStandIn(AdminStandIn.on())
            defer { standIn.stop() }
            for admin in ["127.0.0.1:0", "nonsense", ""] {
                let place = GatewayPlace(admin: admin, runner: .service)
                let unseen = try await look(at: place, store)
                #expect(unseen.kind == .unseen && !unseen.isUnreachable, "\(admin)")
            }
            try store.change(SettingsChange(isGatewayEnabled: false))
            let off = try await look(at: standIn.place, store)
            #expect(off.kind == .off && GatewayTrouble(off) == nil && !off.isUnreachable)
        }
    }

    @Test("One that is not ready turns clients away, but for the want of a certificate in date")
    func notReady() async throws {
        try await withStore { store in
            for (code, isUnreachable) in [("route_map_unconfirmed", true), ("no_certificate_in_date", false)] {
                let standIn = try AdminStandIn(
                    .gateway(
                        readiness: AdminStandIn.notReady(code, "so it is"),
                        sessions: (200, AdminStandIn.document(sessions: ["dbt_1": 2]))
                    )
                )
                defer { standIn.stop() }
                let condition = try await look(at: standIn.place, store)
                #expect(condition.isUnreachable == isUnreachable, "\(code)")
                #expect(condition.sessions == ["dbt_1": 2])
                #expect(GatewayTrouble(condition)?.clause == "the gateway is not ready: so it is")
            }
        }
    }

    @Test("Where a command looks: its own environment, else where frost up was told, else the usual place")
    func places() async throws {
        try await withStore { store in
            let variable = GatewayVariable.adminAddress.environmentName
            func admin(_ environment: [String: String] = [:]) throws -> GatewayPlace {
                try GatewayPlace(store, environment: environment, isUpRunning: true)
            }
            #expect(try admin() == GatewayPlace(admin: "127.0.0.1:9432", runner: .service))
            try store.setGateway(admin: "127.0.0.1:9433", isChild: true)
            #expect(try admin() == GatewayPlace(admin: "127.0.0.1:9433", runner: .frostUp(isRunning: true)))
            #expect(try admin([variable: "[::1]:7"]).admin == "[::1]:7")
            #expect(try admin([variable: ""]).admin == "127.0.0.1:9433")
        }
    }

    private func look(
        at place: GatewayPlace,
        _ store: BranchStore,
        within timeout: Duration = .seconds(90)
    ) async throws -> GatewayCondition {
        try await GatewayWatch.lookOnce(at: place, store, timeout: timeout)
    }

    private func withStore(_ body: @Sendable (BranchStore) async throws -> Void) async throws {
        let directory = try TemporaryDirectory("gateway-condition")
        defer { directory.remove() }
        try await body(BranchStore.open(in: directory.path))
    }
}

/// Which hostnames a certificate covers.
@Suite struct CertificateCoverageTests {
    @Test(
        "The very name, or a wildcard for the whole first label",
        arguments: [
            (["dev.pg.shop.example.net"], true), (["*.pg.shop.example.net"], true), (["DEV.PG.Shop.Example.NET"], true),
            (["*.PG.SHOP.example.net"], true), (["other.example", "*.pg.shop.example.net"], true),
            (["*.shop.example.net"], false), (["*.example.net"], false), (["*.*.shop.example.net"], false),
            (["d*.pg.shop.example.net"], false), (["*ev.pg.shop.example.net"], false),
            (["dev.*.shop.example.net"], false),
            (["pg.shop.example.net"], false), (["*"], false), (["*."], false), ([""], false), ([], false),
            (["dev.pg.shop.example.net."], false), (["xdev.pg.shop.example.net"], false),
            (["dev.pg.shop.example.net\u{0}.evil.example"], false),
        ] as [([String], Bool)]
    )
    func names(_ names: [String], _ isCovered: Bool) {
        let certificate = SessionsDocument.Certificate(names)
        #expect(certificate.covers("dev.pg.shop.example.net", at: .now) == isCovered)
        #expect(certificate.covers("Dev.pg.shop.example.net", at: .now) == isCovered)
    }

    @Test(
        "Out of date it covers nothing",
        arguments: [
            (-10, 90, .valid), (-10, 5, .expiresSoon), (-10, -1, .expired), (1, 90, .notYetValid),
        ] as [(Double, Double, CertificateValidity)]
    )
    func dates(_ from: Double, _ until: Double, _ validity: CertificateValidity) {
        let certificate = SessionsDocument.Certificate(["a.example"], from: from, until: until)
        #expect(certificate.validity(at: .now) == validity)
        #expect(certificate.covers("a.example", at: .now) == [.valid, .expiresSoon].contains(validity))
        var odd = certificate
        odd.notAfter = "soon"
        #expect(odd.validity(at: .now) == .unknown && !odd.covers("a.example", at: .now))
    }

    @Test("The report names what is covered, by project, and what is not")
    func report() throws {
        let certificates = [
            SessionsDocument.Certificate(["*.pg.shop.example.net"], file: "shop.crt"),
            SessionsDocument.Certificate(["*.pg.blog.example.net"], until: -1, file: "blog.crt"),
        ]
        let data = Data(AdminStandIn.document(certificates, uncovered: ["qa.pg.shop.example.net"]).utf8)
        let answer = try #require(GatewayProbe.answer(200, data))
        let place = GatewayPlace(admin: "127.0.0.1:9432", runner: .service)
        let report = GatewayReport(
            GatewayCondition(state: .on(answer), place: place, since: .now),
            hostnames: [
                "main.pg.shop.example.net", "qa.pg.shop.example.net", "main.pg.blog.example.net",
            ],
            port: 5_432,
            at: .now
        )
        #expect(report.certificates.map(\.validity) == [.valid, .expired])
        #expect(report.certificates[0].coverage == [.init(wildcard: "*.pg.shop.example.net", covered: 2, all: 2)])
        #expect(report.certificates[1].coverage.isEmpty)
        // The gateway shows another certificate for qa, as it says itself.
        #expect(report.uncovered == ["main.pg.blog.example.net", "qa.pg.shop.example.net"])
        #expect(report.wanted == ["*.pg.blog.example.net", "*.pg.shop.example.net"])
        #expect(report.hostnames == 3)
    }
}
