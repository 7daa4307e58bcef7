package import BranchManager
import Foundation
import GatewayContract
package import RouteMap

/// The effects of a new wildcard domain, before it is changed.
package struct WildcardPreview: Sendable {
    /// Whether the new hostnames resolve to this host, according to its resolver.
    package enum Resolution: String, CaseIterable, Sendable {
        case thisHost = "this_host"
        case elsewhere
        case notFound = "not_found"
        case unknown
    }

    /// Whether clients that check certificates can connect with the new hostnames.
    package enum Coverage: String, CaseIterable, Sendable {
        case covered
        case notCovered = "not_covered"
        /// By frost's own CA.
        case issued
        case unknown
    }

    /// A fact, and a sentence that states it.
    package struct Finding<Kind: Sendable>: Sendable {
        package var kind: Kind
        package var sentence: String
    }

    /// The new domain; nil for none.
    package let base: Hostname?
    /// The current domain.
    package let current: Hostname?
    /// Branches that lose their hostname, oldest first.
    package let changes: [HostnameChange]
    /// Open sessions of these branches through the gateway; nil if unknown.
    package let sessions: Int?
    /// nil for no domain.
    package let resolution: Finding<Resolution>?
    package let coverage: Finding<Coverage>?

    /// The text to type as confirmation: the new domain, or the old one if there will be none; nil if no branch loses
    /// its hostname.
    package var confirmation: String? { changes.isEmpty ? nil : (base ?? current)?.name }

    /// Reads the store, and queries the resolver and the gateway.
    ///
    /// - Parameters:
    ///   - gateway: its own report; nil without one.
    ///   - issuesCertificates: whether frost's own CA issues the gateway's certificates.
    package init(
        of base: Hostname?,
        in store: BranchStore,
        gateway: GatewayAnswer?,
        issuesCertificates: Bool,
        lookup: HostLookup = .system
    ) async throws(BranchError) {
        self.base = base
        current = try store.wildcardBase()
        let all = try store.hostnames(under: base)
        changes = all.filter(\.isLoss)
        let changed = Set(changes.map(\.branch.target.id))
        sessions = gateway?.sessions.filter { changed.contains($0.key) }.reduce(0) { $0 + $1.value }
        guard let base else {
            resolution = nil
            coverage = nil
            return
        }
        let names = all.compactMap(\.hostname)
        resolution = await Self.resolution(of: names.first ?? "\(BranchName.main).pg.project.\(base)", base, lookup)
        coverage = Self.coverage(of: names, by: gateway?.certificates, isIssued: issuesCertificates)
    }

    /// Resolves a name under a wildcard domain with the system's resolver.
    package static func resolution(
        of name: String,
        _ base: Hostname,
        _ lookup: HostLookup = .system
    ) async -> Finding<Resolution> {
        // RFC 6761, section 6.3, independent of the resolver.
        if base.name == "localhost" || base.name.hasSuffix(".localhost") {
            return Finding(kind: .thisHost, sentence: "Names under localhost resolve to this host, on this host only.")
        }
        switch await lookup.look(name) {
        case .addresses(let addresses):
            let own = lookup.ownAddresses()
            let list = addresses.prefix(shownAddresses).joined(separator: ", ")
            return addresses.contains(where: own.contains)
                ? Finding(kind: .thisHost, sentence: "\(name) resolves to \(list), an address of this host.")
                : Finding(
                    kind: .elsewhere,
                    sentence:
                        "\(name) resolves to \(list), which is not an address of this host (fine behind a NAT or a "
                        + "load balancer)."
                )
        case .notFound:
            return Finding(
                kind: .notFound,
                sentence: "\(name) does not resolve. Point the DNS record *.\(base) at this host first."
            )
        case .late:
            return Finding(
                kind: .unknown,
                sentence: "The name server did not answer within \(HostLookup.limit) seconds, so it is unknown whether "
                    + "\(name) resolves."
            )
        }
    }

    private static let shownAddresses = 4

    static func coverage(
        of names: [String],
        by certificates: [SessionsDocument.Certificate]?,
        isIssued: Bool
    ) -> Finding<Coverage> {
        if isIssued { return Finding(kind: .issued, sentence: "Frost issues certificates for the new hostnames.") }
        guard let certificates else {
            return Finding(
                kind: .unknown,
                sentence: "The gateway does not answer, so it is unknown which hostnames its certificates cover."
            )
        }
        let missing = names.filter { name in !certificates.contains { $0.covers(name, at: .now) } }
        guard let first = missing.first else {
            return Finding(kind: .covered, sentence: "The gateway has certificates for all new hostnames.")
        }
        let others = missing.count == 1 ? "" : " and \(missing.count - 1) more"
        let zone = first.drop { $0 != "." }
        return Finding(
            kind: .notCovered,
            sentence: "No certificate covers \(first)\(others). Get one for *\(zone), or clients that check "
                + "certificates (sslmode=verify-full) cannot connect."
        )
    }
}
