package import BranchManager
package import Foundation
package import GatewayContract

/// The state of the gateway, and the coverage of this host's branches by its certificates.
package struct GatewayReport: Sendable {
    /// The coverage of one project's hostnames, `*.pg.shop.example.net`, by a certificate.
    package struct Coverage: Hashable, Sendable {
        package var wildcard: String
        /// How many of its hostnames the certificate covers, at least one.
        package var covered: Int
        package var all: Int
    }

    package struct Certificate: Hashable, Sendable {
        package var document: SessionsDocument.Certificate
        package var validity: CertificateValidity
        /// Sorted by project name; empty when it covers no branch of this host.
        package var coverage: [Coverage]
    }

    package var condition: GatewayCondition
    /// nil while it is on, or disabled.
    package var trouble: GatewayTrouble?
    /// For clients.
    package var port: Int
    /// In the gateway's order; empty without a report.
    package var certificates: [Certificate]
    /// The number of branches' hostnames.
    package var hostnames: Int
    /// Hostnames without a certificate, sorted by name.
    package var uncovered: [String]
    /// The names of certificates that would cover them.
    package var wanted: [String]
    /// The hostname of a branch, as an example.
    package var example: String?

    /// - Throws: ``BranchError`` when the store cannot be read.
    package init(_ condition: GatewayCondition, _ store: BranchStore, at now: Date = .now) throws(BranchError) {
        let hostnames = try store.branches().compactMap(\.target.hostname)
        self.init(condition, hostnames: hostnames, port: try store.gatewayPort(), at: now)
    }

    /// - Parameter hostnames: of all branches, oldest first.
    package init(_ condition: GatewayCondition, hostnames: [String], port: Int, at now: Date) {
        self.condition = condition
        self.port = port
        trouble = GatewayTrouble(condition)
        example = hostnames.first
        let byWildcard = Dictionary(grouping: hostnames) { Self.wildcard(of: $0) }.sorted { $0.key < $1.key }
        certificates = (condition.answer?.certificates ?? []).map { document in
            Certificate(
                document: document,
                validity: document.validity(at: now),
                coverage: byWildcard.compactMap { wildcard, hostnames in
                    let covered = hostnames.count { document.covers($0, at: now) }
                    return covered > 0 ? Coverage(wildcard: wildcard, covered: covered, all: hostnames.count) : nil
                }
            )
        }
        let uncovered = hostnames.filter { condition.leavesUncovered($0, at: now) }.sorted()
        self.hostnames = hostnames.count
        self.uncovered = uncovered
        wanted = Set(uncovered.map { Self.wildcard(of: $0) }).sorted()
    }

    /// The wildcard name that covers this hostname.
    private static func wildcard(of hostname: String) -> String {
        hostname.firstIndex(of: ".").map { "*\(hostname[$0...])" } ?? hostname
    }
}

extension GatewayPlace.Runner {
    /// For programs.
    var code: String {
        switch self {
        case .service: "service"
        case .frostUp: "frost_up"
        }
    }
}

extension Shapes {
    static let gateway = Shape<GatewayReport>(
        "Gateway",
        [
            .init("state", .oneOf(GatewayCondition.Kind.allCases.map(\.rawValue))) {
                .string($0.condition.kind.rawValue)
            },
            .init("since", .date) { .date($0.condition.since) },
            .init("adminAddress", .string) { .string($0.condition.place.admin) },
            .init("runBy", .oneOf(["service", "frost_up"])) { .string($0.condition.place.runner.code) },
            .init("port", .integer(1...65_535)) { .integer($0.port) },
            .init("message", .string, orNull: true) { .text($0.trouble?.sentence) },
            .init("nextStep", .string, orNull: true) { .text($0.trouble?.nextStep?.line) },
            .init("fault", .string, orNull: true) { .text($0.condition.fault) },
            .init("reasons", .list(.object("GatewayReason"))) {
                .array($0.condition.reasons.map { gatewayReason($0) })
            },
            .init("certificates", .list(.object("Certificate"))) { .array($0.certificates.map { certificate($0) }) },
            .init("hostnamesUncovered", .list(.string)) { .array($0.uncovered.map { .string($0) }) },
            .init("limits", .list(.object("GatewayLimit"))) { .array($0.limits.map { gatewayLimit($0) }) },
            .init("refusals", .list(.object("GatewayRefusal"))) { .array($0.refusals.map { gatewayRefusal($0) }) },
        ]
    )

    static let gatewayReason = Shape<GatewayReason>(
        "GatewayReason",
        [.init("code", .string) { .string($0.code) }, .init("message", .string) { .string($0.message) }]
    )

    static let certificate = Shape<GatewayReport.Certificate>(
        "Certificate",
        [
            .init("file", .string) { .string($0.document.file) },
            .init("names", .list(.string)) { .array($0.document.names.map { .string($0) }) },
            .init("notBefore", .date, orNull: true) { .date($0.document.validFrom) },
            .init("notAfter", .date, orNull: true) { .date($0.document.validUntil) },
            .init("validity", .oneOf(CertificateValidity.allCases.map(\.rawValue))) { .string($0.validity.rawValue) },
            .init("covers", .list(.string)) { .array($0.coverage.map { .string($0.wildcard) }) },
        ]
    )
}
