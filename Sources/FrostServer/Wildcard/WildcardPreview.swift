package import BranchManager
import Foundation
import GatewayContract
package import RouteMap

/// What another wildcard domain would change, before anybody changes it.
package struct WildcardPreview: Sendable {
    /// Whether the new hostnames lead to this host, as far as its resolver knows.
    package enum Resolution: String, CaseIterable, Sendable {
        case thisHost = "this_host"
        case elsewhere
        case notFound = "not_found"
        case unknown
    }

    /// Whether clients that check certificates can connect by the new hostnames.
    package enum Coverage: String, CaseIterable, Sendable {
        case covered
        case notCovered = "not_covered"
        /// By the CA that frost keeps.
        case issued
        case unknown
    }

    /// A fact and a sentence that says it.
    package struct Finding<Kind: Sendable>: Sendable {
        package var kind: Kind
        package var sentence: String
    }

    /// The domain as it would be set; nil for none.
    package let base: Hostname?
    /// The one that is set.
    package let current: Hostname?
    /// Branches that lose the hostname that they have, the oldest first.
    package let changes: [HostnameChange]
    /// Of these branches, through the gateway; nil where it cannot be asked.
    package let sessions: Int?
    /// nil for no domain.
    package let resolution: Finding<Resolution>?
    package let coverage: Finding<Coverage>?

    /// What has to be typed before anybody loses a hostname: the new domain, or the old one where there is to be none.
    /// nil where nobody loses one.
    package var confirmation: String? { changes.isEmpty ? nil : (base ?? current)?.name }

    /// Looks at the store, asks the resolver and the gateway.
    ///
    /// - Parameters:
    ///   - gateway: what it says of itself; nil while it says nothing.
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

    /// Where a name under a wildcard domain leads, asked of the system's resolver.
    package static func resolution(
        of name: String,
        _ base: Hostname,
        _ lookup: HostLookup = .system
    ) async -> Finding<Resolution> {
        // RFC 6761, section 6.3: whatever a resolver says of them.
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
